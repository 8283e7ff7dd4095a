"""Projects: real repositories with migrations, their datasets on three engines, and a runner."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ci.order import carry_out
from ci.request import Request, orders_of
from ci.state import State
from ci.timing import Engine
from tests.ci.alembic_tree import ENV
from tests.ci.origin import Origin, origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.result import Finding, Result

ROOT = Path(__file__).parents[2]
ROWS = {Engine.POSTGRESQL: 50_000, Engine.MARIADB: 50_000, Engine.SQLITE: 400_000}
STALL = {Engine.POSTGRESQL: 0.5, Engine.MARIADB: 0.5, Engine.SQLITE: 0.2}
"""All that is seen of SQLite is that its file is locked."""
CANARY = "canary"

PYPROJECT = """
[tool.ci]
project = "people"
driver = "{tool}"
wheels = ["{wheels}"]
requirements = ["requirements.txt"]
runs = 1
[tool.ci.deadlines]
step = 5
"""
BUDGETS = """
engine = "{engine}"
[budgets]
seconds = 60
stall = {stall}
rows-written = 10_000
log-bytes = 2_000_000
"""
MODELS = """
import sqlalchemy as sa
metadata = sa.MetaData()
people = sa.Table(
    "people", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(80)), sa.Column("number", sa.Integer), sa.Column("note", sa.Text),
)
"""
REVISION = '''"""A revision."""
import os, sys, time
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{revision}", "{below}"


def upgrade():
{body}
'''
FIRST = '''"""Make people."""
import sqlalchemy as sa
from {tool} import {name}

{head}
def {function}:
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(80)),
        sa.Column("number", sa.Integer),
        sa.Column("note", sa.Text),
    )
'''
TABLE = """
CREATE TABLE people (
    id INTEGER NOT NULL, name VARCHAR(80), number INTEGER, note TEXT, PRIMARY KEY (id));
"""
SERIES = {
    Engine.POSTGRESQL: "generate_series(1, {rows}) AS s(i)",
    Engine.MARIADB: "(SELECT seq AS i FROM seq_1_to_{rows}) s",
    Engine.SQLITE: "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "WHERE i < {rows}) SELECT i FROM n) s",
}
JOINED = {
    Engine.POSTGRESQL: "'{word} ' || i",
    Engine.MARIADB: "concat('{word} ', i)",
    Engine.SQLITE: "'{word} ' || i",
}
HISTORY = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('aaa1');
"""


def people(engine: Engine, *, rows: int = 0, history: str = HISTORY) -> str:
    """Return a dump with a canary in every column that can hold one."""
    name, note = (JOINED[engine].format(word=f"{CANARY}-{each}") for each in ("name", "note"))
    series = SERIES[engine].format(rows=rows or ROWS[engine])
    filled = f"INSERT INTO people SELECT i, {name}, 90817263, {note} FROM {series};\n"  # noqa: S608 - ours
    return TABLE + history + filled


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository with a branch for each change, and the runner's state."""

    origin: Origin
    state: State
    datasets: Path
    _known: dict[str, str] = field(default_factory=dict)

    def branch(self, name: str, files: Mapping[str, str | None], *, base: str = "main") -> str:
        """Return a branch off *base* with *files*; None removes one."""
        if name not in self._known:
            git = self.origin.git
            git("checkout", "--quiet", "-b", name, base)
            for path, text in files.items():
                if text is None:
                    git("rm", "--quiet", path)
                else:
                    self.origin.write(path, text)
            self._known[name] = self.origin.commit()
            git("checkout", "--quiet", "main")
        return name

    def dataset(self, name: str, dump: str, *, engine: Engine, budgets: str = BUDGETS) -> None:
        """Write a dataset."""
        folder = self.datasets / name
        folder.mkdir(parents=True)
        (folder / "dump.sql").write_text(dump)
        said = budgets.format(engine=engine.value, stall=STALL[engine])
        (folder / "dataset.toml").write_text(said)

    def run(self, change: str, engine: Engine, *, base: str = "main", name: str = "run") -> Result:
        """Return what the runner finds of a branch on the dataset of *engine*."""
        request = Request(
            run=name,
            source=str(self.origin.folder),
            base=base,
            head=change,
            root=self.origin.folder,
            folders=(self.datasets,),
            names=(engine.value,),
            always=True,
        )
        found = orders_of(request, self.state)
        return carry_out(found.orders[0], self.state, found.folders)


def alembic_project(folder: Path) -> Project:
    """Return a project of alembic, whose main is where its datasets are."""
    made = _project(folder, "alembic")
    head = 'revision, down_revision = "aaa1", None\n\n'
    first = FIRST.format(tool="alembic", name="op", head=head, function="upgrade()")
    made.origin.write("alembic.ini", "[alembic]\nscript_location = alembic\n")
    made.origin.write("alembic/env.py", ENV)
    made.origin.write("alembic/versions/aaa1_people.py", first)
    made.origin.commit()
    for engine in Engine:
        made.dataset(engine, people(engine), engine=engine)
    return made


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


def migrator_project(folder: Path) -> Project:
    """Return a project of migrator, at its first version with rows in its table."""
    wheels = write_wheel(folder / "wheels")
    made = _project(folder, "migrator", str(wheels))
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
    return people(engine, rows=2000, history=kept + "\n")


def _project(folder: Path, tool: str, wheels: str = "/nothing") -> Project:
    folder.chmod(0o711)  # servers and sandboxes of root run as somebody else, who passes through
    made = origin(folder / "tree")
    made.write("pyproject.toml", PYPROJECT.format(tool=tool, wheels=wheels))
    made.write("requirements.txt", f"{tool}\npsycopg2-binary\nPyMySQL\n")
    made.write("models.py", MODELS)
    state = State(folder=folder / "state").make()
    return Project(origin=made, state=state, datasets=folder / "datasets")


def revision(name: str, *lines: str, below: str = "aaa1") -> dict[str, str | None]:
    """Return the file of a revision of alembic above *below*."""
    body = "\n".join(f"    {each}" for line in lines for each in line.splitlines())
    text = REVISION.format(revision=name, below=below, body=body)
    return {f"alembic/versions/{name}.py": text}


def red(result: Result) -> dict[str, Finding]:
    """Return what is red, by step and rule: `bbb2: budget stall`."""
    return {
        f"{each.step.name if each.step else ''}: {each.rule}"
        + (f" {each.measure}" if each.measure else ""): each
        for each in result.findings
        if each.colour == "red"
    }
