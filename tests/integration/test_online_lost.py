"""Connections and servers that are lost, locks that are not given: tried again, looked up, told."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator import python, session
from migrator.database import open_engine
from migrator.dialects import Transient, dialect_of
from migrator.errors import DatabaseError, LostError
from migrator.guard.fence import fence_of, lift_fences, raising
from migrator.online import Options, Started, migrate
from migrator.session import Retry
from migrator.worker import Batch
from tests.moving import (
    BY_FUNCTION,
    FLAVORS,
    IN_SQL,
    KINDS,
    empty,
    filled,
    insert,
    leases,
    move_counted,
    moved_once,
    named,
    rows,
    run,
    wait_for_a_waiter,
)
from tests.proxy import Cut, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from migrator.online import Event, Outcome
    from tests.databases import Database

ROWS = [{"id": each + 1, "memory_mb": each} for each in range(5)]


def soon(_seconds: float) -> None:
    """Wait no time at all."""


@pytest.mark.requires("kill9")
@pytest.mark.parametrize("cut", list(Cut))
def test_a_commit_without_an_answer_is_looked_up(
    database: Database, tmp_path: Path, cut: Cut
) -> None:
    engine = filled(database)
    at = 0
    with Proxy(database, tmp_path) as proxy:
        while at == 0 or proxy.seen > at - 1:
            empty(engine)
            insert(engine, ROWS)
            outcome = through(proxy, cut, at)
            assert rows(engine) == moved_once(5), f"cut at commit {at}"
            assert (outcome.completed, outcome.movable) == (5, 0), f"cut at commit {at}"
            assert leases(engine) == ()
            at += 1

    assert at > 5


def through(proxy: Proxy, cut: Cut, at: int) -> Outcome:
    """Run a transition over a connection that is cut at commit *at*."""

    def see(event: Event) -> None:
        if isinstance(event, Started):
            proxy.cut(cut, at)

    engine = open_engine(proxy.url)
    (outcome,) = migrate(engine, [IN_SQL], Options(batch_size=2, sleep=soon), on_event=see)
    return outcome


@pytest.mark.requires("kill9")
@pytest.mark.parametrize("kind", ["in_sql", pytest.param("in_python", marks=pytest.mark.slow)])
def test_a_server_that_is_killed_again_and_again_is_waited_for(
    database: Database, kind: str
) -> None:
    assert database.server
    engine = filled(database, 1000)
    killed = kill_while(database, lambda see: migrate_seen(database, kind, see))

    assert killed == 5
    assert rows(engine) == moved_once(1000)
    assert leases(engine) == ()


def migrate_seen(database: Database, kind: str, see: Callable[[Event], None]) -> None:
    options = Options(batch_size=5, sleep=lambda seconds: time.sleep(seconds / 10))
    migrate(open_engine(database.url), [KINDS[kind]], options, on_event=see)


def kill_while(database: Database, work: Callable[[Callable[[Event], None]], None]) -> int:
    """Kill the server and start it again, each time that *work* has come some batches further."""
    assert database.server
    come_far, batches, killed = threading.Event(), [0], 0

    def see(event: Event) -> None:
        batches[0] += isinstance(event, Batch)
        if batches[0] % 20 == 10:
            come_far.set()

    runner = threading.Thread(target=work, args=(see,))
    runner.start()
    while runner.is_alive() and killed < 5:
        if come_far.wait(0.1):
            database.server.kill9()
            come_far.clear()
            database.server.restart()
            killed += 1
    runner.join()
    return killed


@pytest.mark.requires("kill9")
def test_a_connection_that_is_lost_in_a_savepoint_is_made_anew(database: Database) -> None:
    assert database.server
    engine = filled(database, 3)
    server, once = database.server, iter([1])

    def move(connection: sa.Connection, keys: Sequence[tuple[Any, ...]]) -> None:
        for _ in once:
            server.kill9()
            server.restart()
        with suppress(sa.exc.DBAPIError), connection.begin_nested():
            connection.execute(sa.select(FLAVORS)).all()
        move_counted(connection, keys)

    outcome = run(
        engine,
        named(python("flavors", pending=lambda row: row.memory_mb.is_not(None), move=move)),
        sleep=soon,
    )

    assert (outcome.completed, rows(engine)) == (3, moved_once(3))


@pytest.mark.requires("kill9")
def test_a_server_that_does_not_come_back_is_given_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.server
    monkeypatch.setattr(session, "RECONNECT_SECONDS", 0.1)
    filled(database, 10)
    server = database.server

    def kill(event: Event) -> None:
        if isinstance(event, Batch):
            server.kill9()

    with pytest.raises(LostError, match="connecting failed"):
        migrate(
            open_engine(database.url),
            [IN_SQL],
            Options(batch_size=2, keep_going=True),
            on_event=kill,
        )
    server.restart()


def test_a_database_that_cannot_be_reached_at_first_is_said_at_once(database: Database) -> None:
    url = sa.make_url(database.url).set(database="/no/such/folder/no_such_database")
    engine = open_engine(url.render_as_string(hide_password=False))

    with pytest.raises(LostError, match="connecting failed"):
        migrate(engine, [IN_SQL], Options(sleep=lambda _seconds: pytest.fail("it was tried again")))


# Locks.


@pytest.fixture
def blocker(database: Database) -> Iterator[sa.Connection]:
    """A connection that holds a lock on flavor 3, on SQLite on everything."""
    engine = filled(database, 6)
    with open_engine(database.url).connect() as connection:
        connection.execute(sa.update(FLAVORS).where(FLAVORS.c.id == 3).values(task="busy"))
        yield connection
    engine.dispose()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOCK_TIMEOUT_SECONDS", 0.2)


@pytest.mark.usefixtures("_impatient")
def test_a_lock_is_waited_for(database: Database, blocker: sa.Connection) -> None:
    retries = []

    def let_go(event: Event) -> None:
        if isinstance(event, Retry):
            retries.append(event.reason)
            blocker.rollback()

    engine = open_engine(database.url)
    (outcome,) = migrate(engine, [IN_SQL], Options(sleep=soon), on_event=let_go)

    assert retries == [Transient.LOCKED.value]
    assert (outcome.completed, rows(engine)) == (6, moved_once(6))


@pytest.mark.requires("row_locks")
@pytest.mark.usefixtures("_impatient")
def test_a_row_that_stays_locked_keeps_only_its_range_from_being_moved(
    database: Database, blocker: sa.Connection
) -> None:
    engine = open_engine(database.url)

    outcome = run(engine, batch_size=2, attempts=1, sleep=soon)

    assert [row[0] for row in rows(engine) if row[3] == 0] == [3, 4]
    assert (outcome.completed, outcome.movable, outcome.failed) == (4, 2, 0)
    blocker.rollback()
    assert run(engine).movable == 0
    assert rows(engine) == moved_once(6)


@pytest.mark.requires("row_locks")
@pytest.mark.usefixtures("_impatient")
def test_batches_get_smaller_round_a_row_that_stays_locked(
    database: Database, blocker: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.worker.FIRST_BATCH_SIZE", 4)
    monkeypatch.setattr("migrator.worker.SMALLEST_BATCH_SIZE", 1)

    run(open_engine(database.url), attempts=1, sleep=soon)
    blocker.rollback()

    assert [row[0] for row in rows(open_engine(database.url)) if row[3] == 0] == [3]


@pytest.mark.usefixtures("_impatient", "blocker")
def test_a_database_that_stays_locked_is_said(database: Database) -> None:
    if database.name != "sqlite":
        pytest.skip("its rows are locked one by one")

    with pytest.raises(DatabaseError, match="SQLITE_BUSY"):
        run(open_engine(database.url), attempts=2, sleep=soon)


@pytest.mark.requires("row_locks")
@pytest.mark.parametrize("statement", ["lift", "leave"])
def test_a_row_that_a_fence_keeps_is_no_failure(database: Database, statement: str) -> None:
    engine = filled(database, 3)
    with engine.begin() as connection:
        fence = fence_of(connection, BY_FUNCTION)
        assert fence
        for each in raising(fence, {}, dialect_of(connection.dialect)):
            connection.exec_driver_sql(each)
    events: list[Any] = []

    def wait(_seconds: float) -> None:
        if statement == "lift":
            with database.engine(isolation_level="AUTOCOMMIT").connect() as connection:
                lift_fences(connection, [BY_FUNCTION])

    outcome = run(engine, BY_FUNCTION, events=events, sleep=wait, attempts=2)

    reasons = {each.reason for each in events if isinstance(each, Retry)}
    assert reasons == {Transient.FENCED.value}
    assert outcome.completed == (3 if statement == "lift" else 0)
    assert (outcome.completed + outcome.movable, outcome.failed) == (3, 0)


@pytest.mark.requires("row_locks")
def test_the_victim_of_a_deadlock_tries_again(database: Database) -> None:
    engine = filled(database, 6)
    other = database.engine().connect()
    weigh(other, engine)
    other.execute(sa.update(FLAVORS).where(FLAVORS.c.id == 5).values(task="first"))
    deadlock = threading.Thread(target=lock_first_when_waited_for, args=(engine, other))
    deadlock.start()
    events: list[Any] = []

    outcome = run(engine, events=events, sleep=soon)

    deadlock.join()
    reasons = [each.reason for each in events if isinstance(each, Retry)]
    assert reasons[:1] == [Transient.DEADLOCK.value]
    assert (outcome.completed, outcome.movable) == (6, 0)
    assert rows(engine)[:6] == moved_once(6)


def weigh(other: sa.Connection, engine: sa.Engine) -> None:
    """Make *other* the one that survives: it looks later, or has more to lose."""
    if engine.dialect.name == "postgresql":
        other.execute(sa.text("SET deadlock_timeout = '1min'"))
        return
    insert(engine, ({"id": each} for each in range(100, 200)))
    other.execute(sa.update(FLAVORS).where(FLAVORS.c.id >= 100).values(task="heavy"))


def lock_first_when_waited_for(engine: sa.Engine, other: sa.Connection) -> None:
    """Lock flavor 1 through *other* as soon as somebody waits for what *other* has locked."""
    wait_for_a_waiter(engine)
    other.execute(sa.update(FLAVORS).where(FLAVORS.c.id == 1).values(task="second"))
    other.rollback()
    other.close()


REFUSE_ONCE = """
CREATE SEQUENCE calls;
CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('calls') = 3 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse_once BEFORE UPDATE ON flavors FOR EACH ROW EXECUTE FUNCTION refuse_once();
"""


def test_a_serialization_failure_is_tried_again(database: Database) -> None:
    if database.name != "postgresql":
        pytest.skip("only here can a trigger raise it")
    engine = filled(database, 6)
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSE_ONCE)
    events: list[Any] = []

    outcome = run(engine, events=events, sleep=soon)

    reasons = [each.reason for each in events if isinstance(each, Retry)]
    assert reasons == [Transient.SERIALIZATION.value]
    assert (outcome.completed, rows(engine)) == (6, moved_once(6))


@pytest.mark.requires("row_locks")
def test_a_batch_that_takes_too_long_is_made_smaller(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.name != "postgresql":
        pytest.skip("only here can a trigger take its time")
    monkeypatch.setattr("migrator.worker.FIRST_BATCH_SIZE", 64)
    engine = filled(database, 64)
    with engine.begin() as connection:
        connection.exec_driver_sql(TAKE_TIME)
    slow = open_engine(f"{database.url}&options=-cstatement_timeout%3D300")

    outcome = run(slow)

    assert (outcome.completed, outcome.movable, outcome.failed) == (64, 0, 0)
    assert rows(engine) == moved_once(64)


TAKE_TIME = """
CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;
CREATE TRIGGER take_time BEFORE UPDATE ON flavors FOR EACH ROW EXECUTE FUNCTION take_time();
"""
