"""The reference application as a project of the runner, with datasets of any size."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ci.timing import Engine
from cloud.generate import fill
from migrator.testing import walk_to
from tests.ci.migrator_tree import ROOT, write_wheel
from tests.ci.projects import Project, project_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.databases import Database

BASE, CHANGE = "main", "mitaka"
"""Main is the release juno; the change brings all that came after it."""


def reference_project(folder: Path) -> Project:
    """Return the project without datasets: juno on main, and the newest release as a change."""
    made = project_of(folder, "migrator", str(write_wheel(folder / "wheels")))
    for path, text in _tree("juno").items():
        made.origin.write(path, text)
    made.origin.commit()
    made.branch(CHANGE, _tree(CHANGE))
    return made


def _tree(release: str) -> Mapping[str, str]:
    """Return the files of a *release*: a manifest that ends there, and what it lists."""
    manifest = json.loads((ROOT / "versions.json").read_text())
    releases = manifest.pop("releases")
    kept = {number: files for number, files in manifest.items() if int(number) <= releases[release]}
    names = {name: number for name, number in releases.items() if number <= releases[release]}
    lines = [f'  "{number}": {json.dumps(files)}' for number, files in kept.items()]
    lines.append(f'  "releases": {json.dumps(names)}')
    files = [f"versions/{name}" for names in kept.values() for name in names]
    return {
        "versions.json": "{\n" + ",\n".join(lines) + "\n}\n",
        **{each: (ROOT / each).read_text() for each in files},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What is in a dataset of the cloud at juno."""

    rows: int
    """Of each kind; parts of an instance are more."""
    scale: int = 1
    busy: bool = False
    """Whether tasks are under way: the flavors of those instances do not move."""


def add_dataset(project: Project, name: str, database: Database, data: Data) -> None:
    """Fill an empty *database*, and write a dataset of its dump."""
    engine = database.engine()
    walk_to(engine, "juno", manifest=ROOT / "versions.json")
    with engine.begin() as connection:
        fill(connection, data.rows)
        if not data.busy:
            connection.execute(sa.text("UPDATE instances SET task_state = NULL"))
    kind, scale = Engine(database.name), f"scale = {data.scale}\n"
    project.dataset(name, dump_of(database), engine=kind, budgets=scale)


def dump_of(database: Database) -> str:
    """Return what the native tool dumps of *database*."""
    url = sa.make_url(database.url)
    name, user = str(url.database), str(url.username)
    command = {
        Engine.SQLITE: ["sqlite3", name, ".dump"],
        Engine.POSTGRESQL: [
            "pg_dump",
            "-h",
            str(url.query.get("host") or url.host),
            "-U",
            user,
            name,
        ],
        Engine.MARIADB: [
            "mariadb-dump",
            "-u",
            user,
            f"--socket={url.query.get('unix_socket')}",
            name,
        ],
    }[Engine(database.name)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
