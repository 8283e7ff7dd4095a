"""The guard: what it lets through, what it refuses, and what it leaves behind."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.orm import registry

from migrator import checkpoint, guard, python, rename
from migrator.dialects import dialect_of
from migrator.errors import GuardError, LockedError, StepError
from migrator.guard.fence import fence_of, is_plain, raising
from migrator.guard.step import Step
from migrator.services import register
from migrator.transitions import Failure
from tests.guarded import (
    DROP,
    FILLED,
    FLAVORS,
    MARKED,
    RENAMED,
    columns,
    contract,
    contract_of,
    expanded,
    fences,
    row_of_history,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrator.guard import Blocker
    from tests.databases import Database

OLD_RELEASE = sa.table("flavors", sa.column("id"), sa.column("memory_mb"))
NEW_RELEASE = sa.table("flavors", sa.column("id"), sa.column("foobars"))
MOVED = {"id": 1, "foobars": 512, "memory_mb": None}
PENDING = {"id": 2, "foobars": None, "memory_mb": 512}


def blocked_by(engine: sa.Engine, *transitions: object, **options: object) -> tuple[Blocker, ...]:
    """Return what blocks the contract, which has to be refused and to change nothing."""
    before = columns(engine)
    with pytest.raises(GuardError) as refused:
        contract(engine, *transitions, **options)  # type: ignore[arg-type]
    assert (columns(engine), row_of_history(engine), fences(engine)) == (before, None, [])
    assert refused.value.exit_code == 3
    return refused.value.blockers  # type: ignore[return-value]


def send(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


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


def test_a_drop_of_which_the_contract_says_nothing_blocks(database: Database) -> None:
    engine = expanded(database, MOVED)
    work = (DROP, "ALTER TABLE flavors DROP COLUMN deleted")
    (blocker,) = blocked_by(engine, RENAMED, work=work)
    assert "flavors.deleted would be dropped" in blocker.reason

    said = contract_of(abandons={"flavors.deleted": "nobody reads it"})
    contract(engine, RENAMED, work=work, migration=said)
    row = row_of_history(engine)
    assert row is not None
    assert row["note"] == "abandoned flavors.deleted: nobody reads it"


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
    lines = contract(engine, RENAMED, override="the rows are test data")

    assert lines[0] == "OVERRIDDEN, data may be lost: flavors: 1 row still needs flavor_foobars"
    row = row_of_history(engine)
    assert row is not None
    first, second = row["note"].splitlines()
    assert first.startswith("guard overridden by ")
    assert first.endswith(" UTC: the rows are test data")
    assert second == "overridden: flavors: 1 row still needs flavor_foobars"
    assert columns(engine) == {"id", "foobars", "deleted"}


def test_blockers_can_be_asked_without_touching_anything(database: Database) -> None:
    engine = expanded(database, PENDING)
    with engine.connect() as connection:
        (blocker,) = guard.blockers(connection, contract_of(), [RENAMED], (DROP,))
    assert blocker.pending == 1
    assert blocker.as_json()["sample"] == ("id=2",)


# Late writers.


@pytest.mark.parametrize("writer", [OLD_RELEASE, NEW_RELEASE])
def test_a_fence_refuses_the_old_release_and_no_other(
    database: Database, writer: sa.TableClause
) -> None:
    engine = expanded(database, MOVED)
    with engine.begin() as connection:
        fence = fence_of(connection, RENAMED)
        if fence is None:
            pytest.skip("SQLite has one writer, which needs no fence")
        for statement in raising(fence, {}, dialect_of(connection.dialect)):
            connection.exec_driver_sql(statement)
    column = writer.c.keys()[1]
    writes = (
        writer.insert().values({"id": 9, column: 0}),
        writer.update().values({column: 0}).where(writer.c.id == 1),
    )
    for write in writes:
        refused = pytest.raises(sa.exc.DBAPIError) if writer is OLD_RELEASE else nullcontext()
        with refused, engine.begin() as connection:
            connection.execute(write)


def write_after_the_look(monkeypatch: pytest.MonkeyPatch, engine: sa.Engine) -> None:
    """Let an old writer write right after the guard's first look."""
    look = Step.look

    def look_and_write(step: Step) -> tuple[Blocker, ...]:
        found = look(step)
        monkeypatch.setattr(Step, "look", look)
        with engine.begin() as connection:
            connection.execute(OLD_RELEASE.insert(), {"id": 9, "memory_mb": 0})
        return found

    monkeypatch.setattr(Step, "look", look_and_write)


def test_a_row_written_after_the_first_look_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = expanded(database, MOVED)
    write_after_the_look(monkeypatch, engine)
    (blocker,) = blocked_by(engine, RENAMED)

    assert blocker.sample == ("id=9",)


def test_a_predicate_over_other_tables_is_looked_at_under_their_locks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = expanded(database, MOVED)
    send(engine, "CREATE TABLE extras (flavor_id INTEGER)", "INSERT INTO extras VALUES (1)")
    extras = sa.table("extras", sa.column("flavor_id")).alias()
    transition = replace(
        python(
            "flavors",
            pending=lambda row: ~sa.exists().where(extras.c.flavor_id == row.id),
            move=lambda _connection, _keys: None,
            writes=["extras"],
        ),
        name="flavor_extras",
    )
    write_after_the_look(monkeypatch, engine)
    (blocker,) = blocked_by(engine, transition)
    assert blocker.sample == ("id=9",)

    send(engine, "INSERT INTO extras VALUES (9)")
    contract(engine, transition)
    assert "memory_mb" not in columns(engine)


def test_only_a_predicate_over_its_own_row_can_be_a_fence() -> None:
    other = sa.table("others", sa.column("id"))
    plain = sa.or_(sa.not_(FLAVORS.c.memory_mb == 5), sa.func.coalesce(FLAVORS.c.foobars, 0) > 1)

    assert is_plain(plain, FLAVORS)
    for crooked in (
        sa.exists().where(other.c.id == FLAVORS.c.id),
        FLAVORS.c.memory_mb < sa.func.random(),
        sa.text("memory_mb IS NULL"),
        FLAVORS.alias().c.memory_mb.is_(None),
    ):
        assert not is_plain(sa.and_(plain, crooked), FLAVORS)


# Locks, and what the database refuses.


@pytest.mark.requires("lock_timeout")
def test_a_contract_that_gets_no_lock_says_who_is_in_the_way(database: Database) -> None:
    engine = expanded(database, MOVED)
    with engine.begin() as other:
        other.execute(NEW_RELEASE.update().values(foobars=1))
        with pytest.raises(LockedError, match="got no lock in 2 attempts") as refused:
            contract(engine, RENAMED, attempts=2)
    if database.name != "sqlite":
        assert "blocked by: session" in refused.value.message
    assert (row_of_history(engine), fences(engine)) == (None, [])
    assert "memory_mb" in columns(engine)


def test_a_contract_waits_for_a_lock_that_comes_free(database: Database) -> None:
    engine = expanded(database, MOVED)
    other = engine.connect()
    other.execute(NEW_RELEASE.update().values(foobars=1))
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        other.rollback()

    contract(engine, RENAMED, on_event=tell)
    other.close()
    assert "tried again" in lines[0]
    assert "memory_mb" not in columns(engine)


def test_a_statement_that_is_refused_leaves_nothing_behind(database: Database) -> None:
    engine = expanded(database, MOVED)
    with pytest.raises(
        StepError, match="statement 1 of drop_flavor_memory_mb was refused"
    ) as error:
        contract(
            engine,
            RENAMED,
            work=("ALTER TABLE flavors DROP COLUMN memory_mb, DROP COLUMN",),
            migration=contract_of(abandons={"flavors": "all of it"}),
        )
    assert error.value.number == 3
    assert (row_of_history(engine), fences(engine)) == (None, [])
    assert "memory_mb" in columns(engine)


def test_without_the_privilege_for_triggers_the_lock_has_to_do(database: Database) -> None:
    if database.name != "mariadb":
        pytest.skip("only MariaDB and MySQL fence with triggers")
    engine = expanded(database, MOVED)
    url = sa.make_url(database.url)
    send(
        engine,
        "CREATE USER IF NOT EXISTS 'limited'@'localhost'",
        f"GRANT ALL ON {url.database}.* TO 'limited'@'localhost'",
        f"REVOKE TRIGGER ON {url.database}.* FROM 'limited'@'localhost'",
    )
    limited = database.engine(poolclass=sa.NullPool)
    sa.event.listen(limited, "do_connect", lambda *given: given[3].update(user="limited"))
    try:
        lines = contract(limited, RENAMED)
    finally:
        send(engine, "DROP USER 'limited'@'localhost'")
    assert lines[0].startswith("no fence on flavors: this user may not create triggers (1142)")
    assert "memory_mb" not in columns(engine)


# What an earlier run left.


def test_a_fence_that_was_left_is_used_or_taken_away(database: Database) -> None:
    engine = expanded(database, MOVED)
    stale = replace(rename("flavors", "memory_mb", to="foobars"), name="flavor_renamed")
    with engine.begin() as connection:
        for transition in (RENAMED, stale):
            if fence := fence_of(connection, transition):
                for statement in raising(fence, {}, dialect_of(connection.dialect)):
                    connection.exec_driver_sql(statement)
    contract(engine, RENAMED)
    assert (columns(engine), fences(engine)) == ({"id", "foobars", "deleted"}, [])


def test_a_refusal_takes_away_the_fence_that_was_left(database: Database) -> None:
    engine = expanded(database, PENDING)
    with engine.begin() as connection:
        if fence := fence_of(connection, RENAMED):
            for statement in raising(fence, {}, dialect_of(connection.dialect)):
                connection.exec_driver_sql(statement)
    blocked_by(engine, RENAMED)


def test_a_contract_whose_drop_is_done_only_writes_the_history(database: Database) -> None:
    engine = expanded(database, MOVED)
    send(engine, DROP)
    assert contract(engine, RENAMED) == ["statement 1 finds its work done"]

    row = row_of_history(engine)
    assert row is not None
    assert row["state"] == "applied"


def test_what_is_left_of_a_merge_is_still_looked_at(database: Database) -> None:
    engine = expanded(database)
    send(
        engine,
        "ALTER TABLE flavors ADD COLUMN swap INTEGER",
        "INSERT INTO flavors (id, swap) VALUES (5, 1)",
        DROP,
    )
    merged = replace(RENAMED, from_=("memory_mb", "swap"))  # type: ignore[call-arg]
    (blocker,) = blocked_by(engine, merged, work=(DROP, "ALTER TABLE flavors DROP COLUMN swap"))

    assert (blocker.pending, blocker.sample) == (1, ("id=5",))


def test_a_column_of_another_spelling_is_not_taken_for_gone(database: Database) -> None:
    engine = expanded(database, PENDING)
    transition = replace(rename("flavors", "MEMORY_MB", to="foobars"), name="flavor_foobars")
    (blocker,) = blocked_by(engine, transition, work=("ALTER TABLE flavors DROP COLUMN MEMORY_MB",))

    assert "no column 'MEMORY_MB'" in blocker.reason


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
    transition = replace(rename(HOSTILE, COLUMN, to="new", schema=schema), name="hostile")
    with pytest.raises(GuardError, match="1 row still needs hostile"):
        contract(engine, transition, work=(drop,))

    with engine.begin() as connection:
        connection.execute(table.update().values({COLUMN: None}))
    contract(engine, transition, work=(drop,))
    with engine.connect() as connection:
        found = sa.inspect(connection).get_columns(HOSTILE, schema=schema)
        assert [column["name"] for column in found] == ["Id", "new"]
        connection.execute(sa.schema.DropTable(table))
