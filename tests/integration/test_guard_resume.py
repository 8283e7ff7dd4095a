"""A contract that gets no lock, is refused by the database, or was left half done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator import rename
from migrator.errors import HistoryDivergedError, LockedError, StepError
from tests.guarded import (
    DROP,
    FLAVORS,
    MOVED,
    NEW_RELEASE,
    OLD_RELEASE,
    PENDING,
    RENAMED,
    blocked_by,
    columns,
    contract,
    contract_of,
    expanded,
    fences,
    raise_fence,
    row_of_history,
    send,
)

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough

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


@pytest.mark.requires("kill9")
def test_a_prepared_transaction_is_seen_and_named(database: Database) -> None:
    engine = expanded(database, MOVED)
    # As a driver sends it; SQLAlchemy would take a transaction that is left for an error.
    raw = engine.raw_connection()
    cursor = raw.cursor()
    insert = "INSERT INTO flavors (id, memory_mb) VALUES (9, 0)"
    if database.name == "postgresql":
        begin, end = ["BEGIN"], ["PREPARE TRANSACTION 'one'"]
    else:
        begin, end = ["XA START 'one'"], ["XA END 'one'", "XA PREPARE 'one'"]
    for statement in (*begin, insert, *end):
        cursor.execute(statement)
    driver: Any = raw.driver_connection
    raw.detach()
    driver.close()

    with pytest.raises(LockedError, match=r"blocked by:.* a prepared transaction: "):
        contract(engine, RENAMED, attempts=2)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        commit = "COMMIT PREPARED 'one'" if database.name == "postgresql" else "XA COMMIT 'one'"
        connection.exec_driver_sql(commit)
    assert blocked_by(engine, RENAMED)[0].sample == ("id=9",)


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


@pytest.mark.requires("row_locks")
@pytest.mark.parametrize("level", ["READ COMMITTED", "SERIALIZABLE"])
def test_what_a_long_transaction_wrote_before_the_fence_is_found(
    database: Database, level: str
) -> None:
    engine = expanded(database, MOVED)
    other = database.engine(isolation_level=level).connect()
    other.execute(OLD_RELEASE.insert(), {"id": 9, "memory_mb": 0})
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        other.commit()

    (blocker,) = blocked_by(engine, RENAMED, on_event=tell)
    other.close()
    assert ("tried again" in lines[0], blocker.sample) == (True, ("id=9",))


def test_a_statement_that_is_refused_leaves_nothing_behind(database: Database) -> None:
    engine = expanded(database, MOVED)
    with pytest.raises(
        StepError, match="statement 1 of drop_flavor_memory_mb was refused"
    ) as error:
        contract(
            engine,
            RENAMED,
            work=("ALTER TABLE flavors RENAME COLUMN nobody TO somebody",),
            migration=contract_of(abandons={"flavors": "all of it"}),
        )
    assert error.value.number == 3
    assert (row_of_history(engine), fences(engine)) == (None, [])
    assert "memory_mb" in columns(engine)


def test_a_table_that_has_to_be_copied_is_said(database: Database) -> None:
    if database.name != "mariadb":
        pytest.skip("only MariaDB and MySQL say how an ALTER is done")
    engine = expanded(database, MOVED)
    work = (DROP, "ALTER TABLE flavors MODIFY foobars VARCHAR(10)")
    lines = contract(engine, RENAMED, work=work)

    assert lines[1:] == ["statement 2 copied the table while its writers waited"]


@pytest.mark.requires("concurrent_index")
def test_what_no_transaction_may_hold_runs_beside_it(database: Database) -> None:
    engine = expanded(database, MOVED)
    send(engine, "CREATE INDEX old_memory ON flavors (memory_mb)", "CREATE INDEX a ON flavors (id)")
    work = ("DROP INDEX CONCURRENTLY old_memory", DROP, "DROP INDEX CONCURRENTLY a")
    contract(engine, RENAMED, work=work)

    row = row_of_history(engine)
    assert row is not None
    assert (row["state"], row["statement"]) == ("applied", 3)
    assert sa.inspect(engine).get_indexes("flavors") == []


def test_a_statement_that_was_refused_is_gone_on_with(database: Database) -> None:
    engine = expanded(database, MOVED)
    count = "UPDATE flavors SET foobars = foobars + 1"
    work = (count, DROP, "DROP INDEX mistaken" + " ON flavors" * (database.name == "mariadb"))
    said = contract_of(abandons={"flavors": "it counts up"})
    with pytest.raises(StepError, match="statement 3 of drop_flavor_memory_mb was refused"):
        contract(engine, RENAMED, work=work, migration=said)
    row = row_of_history(engine)
    if database.name == "mariadb":
        assert row is not None
        assert (row["state"], row["statement"], row["intent"]) == ("applying", 2, None)
    else:
        assert row is None

    send(engine, "CREATE INDEX mistaken ON flavors (foobars)")
    contract(engine, RENAMED, work=work, migration=said)
    row = row_of_history(engine)
    assert row is not None
    assert (row["state"], columns(engine)) == ("applied", {"id", "foobars", "deleted"})
    with engine.connect() as connection:
        assert connection.scalar(sa.select(FLAVORS.c.foobars)) == 513


@pytest.mark.requires("row_locks")
def test_a_contract_that_was_edited_half_way_is_not_gone_on_with(database: Database) -> None:
    if database.name == "postgresql":
        pytest.skip("PostgreSQL leaves nothing half way")
    engine = expanded(database, MOVED)
    with pytest.raises(StepError):
        contract(engine, RENAMED, work=(DROP, "DROP INDEX mistaken ON flavors"))
    with pytest.raises(HistoryDivergedError, match="no longer those that were run"):
        contract(engine, RENAMED, work=("CREATE INDEX more ON flavors (foobars)", DROP))


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
    raise_fence(engine, RENAMED)
    raise_fence(engine, stale)
    contract(engine, RENAMED)
    assert (columns(engine), fences(engine)) == ({"id", "foobars", "deleted"}, [])


@pytest.mark.requires("kill9")
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_what_a_killed_server_left_of_a_trigger_is_no_obstacle(database: Database) -> None:
    engine = expanded(database, MOVED)
    raise_fence(engine, RENAMED)
    assert database.server
    assert database.server.process
    folder = database.server.process.folder / "data" / str(engine.url.database)
    kept = {path: path.read_bytes() for path in folder.glob("migrator_fence_*.TRN")}
    send(engine, *(f"DROP TRIGGER {path.stem}" for path in kept))
    for path, content in kept.items():
        path.write_bytes(content)
    contract(engine, RENAMED)

    assert len(kept) == 2
    assert ("memory_mb" in columns(engine), list(folder.glob("*.TRN"))) == (False, [])


def test_a_refusal_takes_away_the_fence_that_was_left(database: Database) -> None:
    engine = expanded(database, PENDING)
    raise_fence(engine, RENAMED)
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
    work = ("ALTER TABLE flavors DROP COLUMN MEMORY_MB",)
    *_, blocker = blocked_by(engine, transition, work=work)

    assert "no column 'MEMORY_MB'" in blocker.reason


# SQLite, whose readers hold a lock on the file.


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_an_open_reader_of_sqlite_is_waited_for_or_left_alone(
    database: Database, mode: str
) -> None:
    engine = expanded(database, MOVED)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA journal_mode = {mode}")
    reader: Any = database.engine().raw_connection().driver_connection
    reader.isolation_level = None
    reader.execute("BEGIN")
    reader.execute("SELECT memory_mb FROM flavors").fetchall()
    if mode == "delete":
        with pytest.raises(LockedError, match="SQLITE_BUSY"):
            contract(engine, RENAMED, attempts=2, lock_timeout=0.2)
        assert ("memory_mb" in columns(engine), row_of_history(engine)) == (True, None)
        reader.execute("COMMIT")
    contract(engine, RENAMED)
    if mode == "wal":
        assert reader.execute("SELECT memory_mb FROM flavors").fetchall() == [(None,)]
    assert "memory_mb" not in columns(engine)
