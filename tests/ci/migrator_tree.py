"""A project of migrator: one table, and what may become of its columns."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ci.timing import Engine
from tests.ci.projects import FIRST, Project, people, project_of

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
RENAME = '''"""Call number total."""
import sqlalchemy as sa
from migrator import rename

people_total = rename("people", "number", to="total"{more})


def expand(op):
    op.add_column("people", sa.Column("total", sa.Integer))
'''
DROP = '''"""Drop number: every row has total."""
completes = ["people_total"]


def contract(op):
    op.drop_column("people", "number")
'''
STUCK = ", skip=lambda row: row.id < 10"
"""Rows that are left for later, which is never."""


def write_wheel(folder: Path) -> Path:
    """Write the wheel of migrator, as it is in this repository, into *folder*, and return that."""
    folder.mkdir(parents=True, exist_ok=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = f"migrator-{project['version']}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
    metadata = f"Metadata-Version: 2.1\nName: migrator\nVersion: {project['version']}\n{needs}"
    scripts = "[console_scripts]\nmigrator = migrator.cli:main\n"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"migrator-{project['version']}-py3-none-any.whl", "w") as wheel:
        for path in sorted((ROOT / "migrator").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                wheel.write(path, str(path.relative_to(ROOT)))
        for name, text in (("METADATA", metadata), ("WHEEL", tags), ("RECORD", "")):
            wheel.writestr(f"{info}/{name}", text)
        wheel.writestr(f"{info}/entry_points.txt", scripts)
    return folder


def migrator_project(folder: Path) -> Project:
    """Return a project of migrator, at its first version with rows in its table."""
    wheels = write_wheel(folder / "wheels")
    made = project_of(folder, "migrator", str(wheels))
    text = FIRST.format(tool="migrator", name="rename", head="", function="expand(op)")
    made.origin.write("versions/make_people.py", text)
    made.origin.write("versions.json", '{\n  "1": ["make_people.py"]\n}\n')
    made.origin.commit()
    for engine in Engine:
        made.dataset(engine, _migrated(made, engine), engine=engine)
    return made


def numbered(files: Mapping[str, str]) -> dict[str, str | None]:
    """Return *files* of migrations, with the manifest that numbers them from 2 on."""
    entries = ["make_people", *files]
    lines = ",\n".join(f'  "{n}": ["{each}.py"]' for n, each in enumerate(entries, 1))
    migrations = {f"versions/{name}.py": text for name, text in files.items()}
    return {"versions.json": f"{{\n{lines}\n}}\n", **migrations}


def _migrated(project: Project, engine: Engine) -> str:
    """Return a dump of people with the history that migrator itself has written."""
    file = project.datasets.parent / f"{engine}.db"
    environment = {**os.environ, "MIGRATOR_DATABASE_URL": f"sqlite:///{file}"}
    command = [sys.executable, "-m", "migrator", "sync"]
    subprocess.run(command, cwd=project.origin.folder, env=environment, check=True)
    with closing(sqlite3.connect(file)) as connection:
        lines = list(connection.iterdump())
    kept = "\n".join(each for each in lines if "migrator_history" in each)
    kept = kept.replace('"migrator_history"', "migrator_history")
    if engine is Engine.POSTGRESQL:
        kept = kept.replace("DATETIME", "TIMESTAMP")
    return people(engine, history=kept + "\n")
