"""The guard: what it lets through and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.orm import registry

from migrator import checkpoint, guard, rename
from migrator.errors import GuardError
from migrator.services import register
from migrator.transitions import Failure
from tests.guarded import (
    DROP,
    FILLED,
    FLAVORS,
    MARKED,
    MOVED,
    PENDING,
    RENAMED,
    blocked_by,
    columns,
    contract,
    contract_of,
    expanded,
    fences,
    row_of_history,
    send,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.databases import Database

# What is let through.


def test_a_contract_drops_what_is_empty(database: Database) -> None:
    engine = expanded(database, MOVED)
    contract(engine, RENAMED)

    assert columns(engine) == {"id", "foobars", "deleted"}
    assert fences(engine) == []
    row = row_of_history(engine)
    assert row is not None
    assert (row["state"], row["statement"], row["note"]) == ("applied", 1, None)


def test_a_marker_says_what_is_pending_where_the_source_may_not_be_null(database: Database) -> None:
    engine = expanded(database)
    send(
        engine,
        "ALTER TABLE flavors ADD COLUMN format SMALLINT DEFAULT 0 NOT NULL",
        "INSERT INTO flavors (id, memory_mb, foobars, format) VALUES (1, 7, 8, 1)",
        "INSERT INTO flavors (id, memory_mb) VALUES (2, 0)",
    )
    work = ("ALTER TABLE flavors DROP COLUMN format", DROP)
    (blocker,) = blocked_by(engine, MARKED, work=work)
    assert blocker.sample == ("id=2",)

    send(engine, "UPDATE flavors SET foobars = 0, format = 1 WHERE id = 2")
    contract(engine, MARKED, work=work)
    assert columns(engine) == {"id", "foobars", "deleted"}


def narrowed(engine: sa.Engine) -> tuple[str, ...] | Callable[[sa.Connection], None]:
    """Return what makes flavors.foobars NOT NULL on the database of *engine*."""
    if engine.name == "sqlite":
        return rebuild
    postgresql = engine.name == "postgresql"
    how = "ALTER COLUMN foobars SET NOT NULL" if postgresql else "MODIFY foobars INTEGER NOT NULL"
    return (f"ALTER TABLE flavors {how}",)


def rebuild(connection: sa.Connection) -> None:
    op = Operations(MigrationContext.configure(connection))
    with op.batch_alter_table("flavors") as batch:
        batch.alter_column("foobars", nullable=False)


def test_a_contract_narrows_what_is_filled(database: Database) -> None:
    engine = expanded(database, MOVED, PENDING)
    work = narrowed(engine)
    assert blocked_by(engine, FILLED, work=work)[0].pending == 1

    send(engine, "UPDATE flavors SET foobars = 0 WHERE foobars IS NULL")
    contract(engine, FILLED, work=work)
    with engine.connect() as connection:
        (found,) = [
            each
            for each in sa.inspect(connection).get_columns("flavors")
            if each["name"] == "foobars"
        ]
    assert not found["nullable"]
    assert fences(engine) == []


def test_what_refers_to_a_rebuilt_table_stays(database: Database) -> None:
    if database.name != "sqlite":
        pytest.skip("only SQLite rebuilds tables")
    engine = expanded(database, MOVED)
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    send(
        engine,
        "CREATE TABLE instances (id INTEGER, flavor INTEGER REFERENCES flavors ON DELETE CASCADE)",
        "INSERT INTO instances VALUES (1, 1)",
    )
    contract(engine, FILLED, work=rebuild)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM instances").scalar() == 1


REBUILD = (
    "CREATE TABLE copy (id INTEGER PRIMARY KEY, foobars INTEGER NOT NULL{more})",
    "INSERT INTO copy (id, foobars) SELECT id, foobars FROM flavors",
    "DROP TABLE flavors",
    "ALTER TABLE copy RENAME TO flavors",
)


def test_a_table_that_is_written_anew_loses_only_what_is_left_out(database: Database) -> None:
    if database.name == "mariadb":
        pytest.skip("MariaDB cannot rename under LOCK TABLES, and has no need to")
    engine = expanded(database, MOVED)
    work = [each.format(more="") for each in REBUILD]
    (blocker,) = blocked_by(engine, RENAMED, work=work)
    assert "the contract drops flavors.deleted, and" in blocker.reason

    work[0] = REBUILD[0].format(more=", deleted INTEGER DEFAULT 0")
    with register(engine, name="api", models=registry(metadata=FLAVORS.metadata)):
        (blocker,) = blocked_by(engine, RENAMED, work=work)
    assert blocker.reason.endswith("still maps flavors.memory_mb")

    contract(engine, RENAMED, work=work)
    assert columns(engine) == {"id", "foobars", "deleted"}


def test_a_column_that_is_renamed_is_gone_under_its_name(database: Database) -> None:
    engine = expanded(database, MOVED)
    work = ("ALTER TABLE flavors RENAME COLUMN memory_mb TO unused",)
    with register(engine, name="api", models=registry(metadata=FLAVORS.metadata)):
        (blocker,) = blocked_by(engine, RENAMED, work=work)
    assert blocker.command == "migrator services"

    contract(engine, RENAMED, work=work)
    assert "unused" in columns(engine)


def test_a_whole_table_goes_once_its_rows_are_moved(database: Database) -> None:
    engine = expanded(database, MOVED)
    contract(
        engine,
        RENAMED,
        work=("DROP TABLE flavors",),
        migration=contract_of(abandons={"flavors": "unused"}),
    )

    with engine.connect() as connection:
        assert not sa.inspect(connection).has_table("flavors")


def test_a_view_goes_before_the_column_it_shows(database: Database) -> None:
    engine = expanded(database, MOVED)
    send(engine, "CREATE VIEW old_flavors AS SELECT id, memory_mb FROM flavors")
    contract(engine, RENAMED, work=("DROP VIEW old_flavors", DROP))

    assert "memory_mb" not in columns(engine)
    row = row_of_history(engine)
    assert row is not None
    assert (row["state"], row["statement"]) == ("applied", 2)


# What is refused.


@pytest.mark.parametrize("value", [0, 512])
def test_rows_that_are_pending_block_soft_deleted_ones_too(database: Database, value: int) -> None:
    engine = expanded(database, MOVED, {"id": 7, "memory_mb": value, "deleted": 1})
    (blocker,) = blocked_by(engine, RENAMED)

    assert (blocker.table, blocker.pending, blocker.sample) == ("flavors", 1, ("id=7",))
    assert blocker.command == "migrator online-migrate --only flavor_foobars"


def test_the_refusal_names_rows_and_command(database: Database) -> None:
    engine = expanded(database, *({"id": each, "memory_mb": 0} for each in range(1, 9)))
    with pytest.raises(GuardError) as refused:
        contract(engine, RENAMED)

    assert refused.value.message.splitlines() == [
        "contract 3 drop_flavor_memory_mb is blocked, nothing was changed",
        "  flavors: 8 rows still need flavor_foobars",
        "    rows id=1; id=2; id=3; id=4; id=5",
        "    run: migrator online-migrate --only flavor_foobars",
    ]


def test_rows_in_quarantine_and_skipped_rows_are_counted_and_said(database: Database) -> None:
    engine = expanded(
        database, PENDING, *({"id": each, "memory_mb": 1, "deleted": 1} for each in (3, 4))
    )
    skipping = replace(RENAMED, skip=lambda row: row.deleted == 1)
    with engine.begin() as connection:
        checkpoint.quarantine(connection, RENAMED.name, [Failure(key=(2,), reason="DataError")])
    (blocker,) = blocked_by(engine, skipping)

    assert (blocker.pending, blocker.quarantined, blocker.skipped) == (3, 1, 2)
    assert blocker.reason == "3 rows still need flavor_foobars (1 in quarantine, 2 skipped for now)"
    assert blocker.command.endswith("--retry-failed")


def test_an_expand_that_is_not_applied_blocks(database: Database) -> None:
    engine = expanded(database)
    send(engine, "ALTER TABLE flavors DROP COLUMN foobars")
    (blocker,) = blocked_by(engine, RENAMED)

    assert "no column 'foobars'" in blocker.reason
    assert blocker.command == "migrator sync --expand-only"


def test_a_table_that_is_missing_blocks(database: Database) -> None:
    engine = expanded(database)
    elsewhere = replace(RENAMED, table="flavours")
    with pytest.raises(GuardError, match="no table 'flavours'"):
        contract(engine, elsewhere)


def test_a_live_process_that_maps_the_column_blocks(database: Database) -> None:
    engine = expanded(database, MOVED)
    known = registry(metadata=FLAVORS.metadata)
    with register(engine, name="api", models=known, release="kilo", lease_seconds=3600):
        (blocker,) = blocked_by(engine, RENAMED)
    contract(engine, RENAMED)

    assert blocker.reason.startswith("service api of kilo on ")
    assert blocker.reason.endswith("still maps flavors.memory_mb")
    assert blocker.command == "migrator services"


TRIGGERS = {
    "postgresql": (
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.memory_mb := NULL; RETURN NEW; END'",
        "CREATE TRIGGER keeps BEFORE INSERT ON flavors FOR EACH ROW EXECUTE FUNCTION keep()",
    ),
    "mariadb": (
        "CREATE TRIGGER keeps BEFORE INSERT ON flavors FOR EACH ROW SET NEW.memory_mb = NULL",
    ),
}


def test_a_trigger_that_names_the_column_blocks(database: Database) -> None:
    if database.name not in TRIGGERS:
        pytest.skip("SQLite itself refuses the drop")
    engine = expanded(database, MOVED)
    send(engine, *TRIGGERS[database.name])
    with pytest.raises(GuardError, match="trigger keeps names memory_mb"):
        contract(engine, RENAMED)
    assert "memory_mb" in columns(engine)

    drop = "DROP TRIGGER keeps" + " ON flavors" * (database.name == "postgresql")
    contract(engine, RENAMED, work=(drop, DROP))
    send(engine, "INSERT INTO flavors (id) VALUES (9)")


def test_an_override_is_loud_and_kept_in_the_history(database: Database) -> None:
    engine = expanded(database, PENDING)
    lines: list[str] = []

    def write_late(line: str) -> None:
        if not lines:
            send(engine, "INSERT INTO flavors (id, memory_mb) VALUES (9, 0)")
        lines.append(line)

    contract(engine, RENAMED, override="the rows are test data", on_event=write_late)

    assert lines[0] == "OVERRIDDEN, data may be lost: flavors: 1 row still needs flavor_foobars"
    row = row_of_history(engine)
    assert row is not None
    first, *others = row["note"].splitlines()
    assert first.startswith("guard overridden by ")
    assert first.endswith(" UTC: the rows are test data")
    assert others == [
        "overridden: flavors: 1 row still needs flavor_foobars",
        "rows that still needed flavor_foobars: 2",
    ]
    assert columns(engine) == {"id", "foobars", "deleted"}


def test_blockers_can_be_asked_without_touching_anything(database: Database) -> None:
    engine = expanded(database, PENDING)
    with engine.connect() as connection:
        (blocker,) = guard.blockers(connection, contract_of(), [RENAMED], (DROP,))
    assert blocker.pending == 1
    assert blocker.as_json()["sample"] == ("id=2",)


# Names.

HOSTILE = """Fl"a`v'o%r: %s"""
COLUMN = HOSTILE.replace("`", "")
"""SQLAlchemy reflects a doubled backtick in the name of a column as it stands."""


@pytest.mark.parametrize("url", ["", "postgresql+psycopg"])
def test_hostile_names_and_other_schemas_are_quoted(database: Database, url: str) -> None:
    if url and not url.startswith(database.name):
        pytest.skip("another driver of PostgreSQL")
    engine = expanded(database.through(url) if url else database)
    schema = "Sche%ma" if database.name == "postgresql" else None
    table = sa.Table(
        HOSTILE,
        sa.MetaData(),
        sa.Column("Id", sa.Integer, primary_key=True),
        sa.Column(COLUMN, sa.Integer),
        sa.Column("new", sa.Integer),
        schema=schema,
    )
    with engine.begin() as connection:
        if schema:
            connection.execute(sa.schema.CreateSchema(schema))
        table.create(connection)
        connection.execute(table.insert().values({"Id": 1, COLUMN: 0}))
        preparer = connection.dialect.identifier_preparer
        names = preparer.format_table(table), preparer.format_column(table.c[1])
    drop = "ALTER TABLE {} DROP COLUMN {}".format(*names)
    if engine.dialect.paramstyle in {"format", "pyformat"}:
        drop = drop.replace("%%", "%")
    transition = replace(rename(HOSTILE, COLUMN, to="new"), name="hostile", schema=schema)
    with pytest.raises(GuardError, match="1 row still needs hostile"):
        contract(engine, transition, work=(drop,))

    with engine.begin() as connection:
        connection.execute(table.update().values({COLUMN: None}))
    contract(engine, transition, work=(drop,))
    with engine.connect() as connection:
        found = sa.inspect(connection).get_columns(HOSTILE, schema=schema)
        assert [column["name"] for column in found] == ["Id", "new"]
        connection.execute(sa.schema.DropTable(table))


def test_a_contract_goes_through_every_driver(driver: Database) -> None:
    engine = expanded(driver, PENDING)
    with register(engine, name="api", models=registry(metadata=FLAVORS.metadata)):
        assert len(blocked_by(engine, RENAMED)) == 2
    send(engine, "UPDATE flavors SET foobars = memory_mb, memory_mb = NULL")
    contract(engine, RENAMED)
    assert (columns(engine), fences(engine)) == ({"id", "foobars", "deleted"}, [])
