"""Projects: real repositories with migrations, their datasets on three engines, and a runner."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ci.order import carry_out
from ci.request import Request, orders_of
from ci.result import Colour, Rule
from ci.state import State
from ci.timing import Engine
from tests.ci.alembic_tree import ENV
from tests.ci.origin import Origin, origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.datasets.dataset import Measure
    from ci.result import Finding, Result

ROWS = 2000
CANARY = "canary"

PYPROJECT = """
[tool.ci]
project = "people"
driver = "{tool}"
wheels = ["{wheels}"]
requirements = ["requirements.txt"]
runs = 1
[tool.ci.deadlines]
step = 300
"""
BUDGETS = """
[budgets]
seconds = 60
stall = 0.5
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

revision, down_revision = "{revision}", {below!r}


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


def people(engine: Engine, *, rows: int = ROWS, history: str = HISTORY) -> str:
    """Return a dump with a canary in every column that can hold one."""
    name, note = (JOINED[engine].format(word=f"{CANARY}-{each}") for each in ("name", "note"))
    series = SERIES[engine].format(rows=rows)
    filled = f"INSERT INTO people SELECT i, {name}, 90817263, {note} FROM {series};\n"  # noqa: S608 - ours
    return TABLE + history + filled


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
        """Write a dataset of a script."""
        folder = self.datasets / name
        folder.mkdir(parents=True)
        (folder / "dump.sql").write_text(dump)
        self.dataset_of(name, Path("dump.sql"), engine=engine, budgets=budgets)

    def dataset_of(self, name: str, dump: Path, *, engine: Engine, budgets: str = BUDGETS) -> None:
        """Write a dataset of a *dump* that is there."""
        folder = self.datasets / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dataset.toml").write_text(f'engine = "{engine}"\ndump = "{dump}"\n{budgets}')

    def run(self, change: str, dataset: str, *, base: str = "main") -> Result:
        """Return what the runner finds of a branch on a dataset."""
        request = Request(
            run="run",
            source=str(self.origin.folder),
            base=base,
            head=change,
            root=self.origin.folder,
            folders=(self.datasets,),
            names=(dataset,),
            always=True,
        )
        found = orders_of(request, self.state)
        return carry_out(found.orders[0], self.state, found.folders)


def alembic_project(folder: Path) -> Project:
    """Return a project of alembic, whose main is where its datasets are."""
    made = empty_alembic_project(folder)
    head = 'revision, down_revision = "aaa1", None\n\n'
    first = FIRST.format(tool="alembic", name="op", head=head, function="upgrade()")
    made.origin.write("alembic/versions/aaa1_people.py", first)
    made.origin.commit()
    for engine in Engine:
        made.dataset(engine, people(engine), engine=engine)
    return made


def empty_alembic_project(folder: Path) -> Project:
    """Return a project of alembic without revisions and datasets."""
    made = project_of(folder, "alembic")
    made.origin.write("alembic.ini", "[alembic]\nscript_location = alembic\n")
    made.origin.write("alembic/env.py", ENV)
    made.origin.commit()
    return made


def project_of(folder: Path, tool: str, wheels: str = "/nothing") -> Project:
    """Return a project whose main has the settings for a *tool*, and what that needs."""
    folder.chmod(0o711)  # servers and sandboxes of root run as somebody else, who passes through
    made = origin(folder / "tree")
    made.write("pyproject.toml", PYPROJECT.format(tool=tool, wheels=wheels))
    made.write("requirements.txt", f"{tool}\npsycopg2-binary\nPyMySQL\n")
    made.write("models.py", MODELS)
    state = State(folder=folder / "state").make()
    return Project(origin=made, state=state, datasets=folder / "datasets")


def revision(name: str, *lines: str, below: str | None = "aaa1") -> dict[str, str | None]:
    """Return the file of a revision of alembic above *below*."""
    body = "\n".join(f"    {each}" for line in lines for each in line.splitlines())
    text = REVISION.format(revision=name, below=below, body=body)
    return {f"alembic/versions/{name}.py": text}


def revisions(steps: Mapping[str, str], *, below: str | None = "aaa1") -> dict[str, str | None]:
    """Return the files of revisions of alembic, the first above *below*."""
    unders = (below, *steps)
    files: dict[str, str | None] = {}
    for (name, text), under in zip(steps.items(), unders, strict=False):
        files |= revision(name, text, below=under)
    return files


def over_budget(result: Result) -> dict[str, set[Measure]]:
    """Return the budgets that steps are over."""
    found: dict[str, set[Measure]] = {}
    for each in result.findings:
        if each.step and each.measure and (each.rule, each.colour) == (Rule.BUDGET, Colour.RED):
            found.setdefault(each.step.name, set()).add(each.measure)
    return found


def red(result: Result) -> dict[str, Finding]:
    """Return what is red, by step and rule: `bbb2: budget stall`."""
    return {
        f"{each.step.name if each.step else ''}: {each.rule}"
        + (f" {each.measure}" if each.measure else ""): each
        for each in result.findings
        if each.colour == "red"
    }
