"""`migrator online-migrate` on real databases: what it prints, and nova-manage's exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.apply import Options, sync
from migrator.cli import run
from migrator.database import open_engine
from tests.guarded import quick
from tests.projects import project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.databases import Database

    Command = Callable[..., int]

EXPAND = '''"""Convert flavors.memory_mb to foobars, and leave what is busy."""
import sqlalchemy as sa
from migrator import convert, expression

flavor_foobars = convert(
    "flavors", "memory_mb", to={"foobars": expression(python=lambda row: 512 // row.memory_mb)},
    skip=lambda row: row.name == "busy",
)


def expand(op):
    op.create_table(
        "flavors",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(20)),
        sa.Column("memory_mb", sa.Integer()),
        sa.Column("foobars", sa.Integer()),
    )
'''
FIELDS = {
    "started": {"at", "transition", "table", "movable"},
    "statement": {"at", "sql", "seconds", "failed"},
    "batch": {"at", "transition", "found", "completed", "failed", "seconds"},
    "outcome": {"at", "transition", "table", "needed", "completed", "skipped", "failed"}
    | {"movable", "seconds", "error"},
    "summary": {"exit_code", "needed", "completed"},
}
"""What docs/commands/online-migrate.md promises of each event."""

ROWS = sa.table("flavors", sa.column("id"), sa.column("name"), sa.column("memory_mb"))


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> sa.Engine:
    """A database with four flavors to move."""
    engine = open_engine(quick(database.url))
    sync(engine, project(tmp_path, {"add_flavor_foobars.py": EXPAND}), Options())
    with engine.begin() as connection:
        for each in range(1, 5):
            connection.execute(ROWS.insert().values(id=each, memory_mb=each))
    return engine


@pytest.fixture
def online(tmp_path: Path, engine: sa.Engine) -> Command:
    """Return `migrator online-migrate` on that database."""
    url = engine.url.render_as_string(hide_password=False)
    options = ("--manifest", str(tmp_path / "versions.json"), "--database", url)
    return lambda *arguments: run([*options, "online-migrate", *arguments])


def test_lines_and_the_table_of_nova_manage(
    online: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert online("--max-count", "3", "--batch-size", "2") == 1

    assert capsys.readouterr().out.splitlines() == [
        "2 rows matched query flavor_foobars, 2 migrated",
        "1 rows matched query flavor_foobars, 1 migrated",
        "+----------------+--------------+-----------+",
        "| Migration      | Total Needed | Completed |",
        "+----------------+--------------+-----------+",
        "| flavor_foobars |            4 |         3 |",
        "+----------------+--------------+-----------+",
    ]


def test_exit_codes(online: Command, engine: sa.Engine) -> None:
    codes = [online("--max-count", "1"), online(), online()]
    with engine.begin() as connection:
        connection.execute(ROWS.insert().values(id=5, name="busy", memory_mb=5))
    codes.append(online())
    with engine.begin() as connection:
        connection.execute(ROWS.insert().values(id=6, memory_mb=0))
    codes += [online(), online("--retry-failed")]
    with engine.begin() as connection:
        connection.execute(ROWS.update().values(memory_mb=1, name=None))
    codes.append(online("--retry-failed", "--max-count", "99999999999999999999"))

    assert codes == [1, 0, 0, 3, 2, 2, 0]


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5", ""])
@pytest.mark.parametrize("option", ["--max-count", "--batch-size"])
def test_a_count_that_is_none(
    online: Command, capsys: pytest.CaptureFixture[str], option: str, count: str
) -> None:
    assert online(option, count) == 127
    assert "a whole number from 1 on" in capsys.readouterr().err


def test_a_mistyped_name_is_told_what_it_may_have_meant(
    online: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert online("--only", "flavour_foobars") == 2
    assert "did you mean flavor_foobars?" in capsys.readouterr().err


def test_events_have_the_fields_that_the_docs_promise(
    online: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert online("--json", "--statements") == 0

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each.pop("event"): set(each) for each in events} == FIELDS
