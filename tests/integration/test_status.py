"""Where a database is, on real databases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry

from migrator.apply import Options, sync
from migrator.cli import run
from migrator.database import open_engine, read_only
from migrator.dialects import dialect_of
from migrator.manifest import Manifest
from migrator.online import Options as OnlineOptions
from migrator.online import migrate
from migrator.services import register
from migrator.session import limit_waiting
from migrator.status import Status, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database

EXPAND = '''"""Rename flavors.memory_mb to foobars."""
import sqlalchemy as sa
from migrator import rename

flavor_foobars = rename(
    "flavors", "memory_mb", to="foobars", skip=lambda row: row.name == "busy"
)


def expand(op):
    op.add_column("flavors", sa.Column("foobars", sa.Integer()))
'''
CREATE = '''"""Create flavors."""
import sqlalchemy as sa


def expand(op):
    op.create_table(
        "flavors",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("memory_mb", sa.Integer()),
    )
'''
CONTRACT = '''"""Drop flavors.memory_mb."""
completes = ["flavor_foobars"]


def contract(op):
    op.drop_column("flavors", "memory_mb")
'''


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "create_flavors.py").write_text(CREATE)
    (folder / "add_foobars.py").write_text(EXPAND)
    (folder / "drop_memory_mb.py").write_text(CONTRACT)
    (tmp_path / "versions.json").write_text(
        '{\n  "1": ["create_flavors.py"],\n  "2": ["add_foobars.py"],\n'
        '  "3": ["drop_memory_mb.py"],\n  "releases": {"juno": 1, "kilo": 2, "liberty": 3}\n}\n'
    )
    return Manifest.load(tmp_path / "versions.json")


@pytest.fixture
def expanded(database: Database, manifest: Manifest) -> Iterator[sa.Engine]:
    """A database with the expand applied and four flavors, one of them busy."""
    engine = open_engine(database.url)
    sync(engine, manifest, Options(target="kilo"))
    with engine.begin() as connection:
        for number, name in enumerate(["a", "b", "busy", "c"], 1):
            connection.execute(
                sa.text("INSERT INTO flavors (id, name, memory_mb) VALUES (:id, :name, 0)"),
                {"id": number, "name": name},
            )
    yield engine
    engine.dispose()


def look(database: Database, manifest: Manifest) -> Status:
    with read_only(database.url) as connection:
        return status(connection, manifest)


def test_empty_database_is_at_zero(database: Database, manifest: Manifest) -> None:
    open_engine(database.url).connect().close()

    found = look(database, manifest)

    assert (found.version, found.latest, found.release) == (0, 3, None)
    assert [each.number for each in found.pending] == [1, 2, 3]
    assert found.contract is None


@pytest.mark.usefixtures("expanded")
def test_pending_rows_are_counted_and_block(database: Database, manifest: Manifest) -> None:
    found = look(database, manifest)

    (progress,) = found.transitions
    assert (progress.rows, progress.left) == (4, (3, 1, 0))
    assert progress.percent == 0.0
    assert found.contract is not None
    assert found.contract.number == 3
    assert [blocker.pending for blocker in found.blockers or ()] == [4]


def test_skipped_rows_keep_it_below_a_hundred(
    database: Database, manifest: Manifest, expanded: sa.Engine
) -> None:
    from migrator.migration import load_all

    migrate(expanded, load_all(manifest)[1].transitions, OnlineOptions())

    (progress,) = look(database, manifest).transitions
    assert (progress.left, progress.percent) == ((0, 1, 0), 75.0)


def test_status_changes_nothing(
    database: Database, manifest: Manifest, expanded: sa.Engine
) -> None:
    before = sorted(sa.inspect(expanded).get_table_names())

    look(database, manifest)

    assert sorted(sa.inspect(expanded).get_table_names()) == before


@pytest.mark.usefixtures("expanded")
def test_json_and_text_tell_the_same(
    database: Database, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--manifest", str(manifest.path), "--database", database.url]

    assert run([*options, "status", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert run([*options, "status"]) == 0
    text = capsys.readouterr().out

    assert shown["transitions"][0]["pending"] == 4
    assert shown["blockers"][0]["table"] == "flavors"
    assert "flavor_foobars" in text
    assert "Contract 3 drop_memory_mb is blocked" in text
    assert max(map(len, text.splitlines()[1:])) <= 80


def test_live_service_that_maps_what_goes_blocks(
    database: Database, manifest: Manifest, expanded: sa.Engine
) -> None:
    with expanded.begin() as connection:
        connection.execute(sa.text("UPDATE flavors SET foobars = memory_mb, memory_mb = NULL"))
    models = registry()
    sa.Table("flavors", models.metadata, sa.Column("memory_mb", sa.Integer))
    with register(expanded, name="api", models=models):
        (blocker,) = look(database, manifest).blockers or ()

    assert "still maps flavors.memory_mb" in blocker.reason
    assert look(database, manifest).blockers == ()


def test_what_cannot_be_counted_is_unknown_and_not_done(
    database: Database, manifest: Manifest, expanded: sa.Engine
) -> None:
    with expanded.begin() as connection:
        connection.execute(sa.text("DROP TABLE flavors"))

    shown = look(database, manifest).as_json()

    (progress,) = shown["transitions"]
    assert "there is no table" in progress["problem"]
    assert {progress[key] for key in ("rows", "movable", "pending", "percent")} == {None}
    assert shown["blockers"]


@pytest.mark.usefixtures("expanded")
def test_without_counting_no_table_is_read(
    database: Database, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    with read_only(database.url) as connection:
        sent: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", lambda *a: sent.append(a[2]))
        found = status(connection, manifest, count=False)

    assert (found.version, found.blockers, found.transitions[0].percent) == (2, None, None)
    assert not [text for text in sent if "FROM flavors" in text]
    options = ["--manifest", str(manifest.path), "--database", database.url]
    assert run([*options, "status", "--no-count"]) == 0
    assert "what blocks it says migrator guard" in capsys.readouterr().out


@pytest.mark.usefixtures("expanded")
def test_what_takes_long_is_said_before(database: Database, manifest: Manifest) -> None:
    said: list[str] = []
    with read_only(database.url) as connection:
        status(connection, manifest, say=said.append)

    assert said == [
        "counting rows of flavors for flavor_foobars",
        "looking what blocks contract 3 drop_memory_mb",
    ]


@pytest.mark.requires("row_locks")
@pytest.mark.usefixtures("expanded")
def test_a_look_keeps_no_lock_that_an_alter_waits_for(
    database: Database, manifest: Manifest
) -> None:
    with read_only(database.url) as connection:
        status(connection, manifest)
        with open_engine(database.url).begin() as other:
            limit_waiting(other, dialect_of(other.dialect), 1)
            other.execute(sa.text("ALTER TABLE flavors ADD COLUMN note INTEGER"))


@pytest.mark.usefixtures("expanded")
def test_contracts_that_were_passed_are_said(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "versions" / "add_bars.py").write_text(EXPAND.replace("foobars", "bars"))
    path = tmp_path / "versions.json"
    path.write_text(path.read_text().replace('  "rel', '  "4": ["add_bars.py"],\n  "rel', 1))
    options = ["--manifest", str(path), "--database", database.url]
    run([*options, "sync", "--expand-only"])
    capsys.readouterr()

    assert run([*options, "status"]) == 0
    assert "version 4 of 4; 1 before it pending" in capsys.readouterr().out
