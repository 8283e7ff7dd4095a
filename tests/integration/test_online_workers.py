"""Several operators at once: they join by leases and never do a row twice."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from migrator import checkpoint
from migrator.checkpoint import LEASE, Lease
from migrator.database import open_engine
from migrator.online import Options, migrate
from migrator.worker import Waiting
from tests.moving import (
    IN_SQL,
    KINDS,
    filled,
    insert,
    leases,
    moved_once,
    rows,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier

    from migrator.online import Event
    from tests.databases import Database

pytestmark = pytest.mark.thorough

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.moving"])

DEAD = f"{socket.gethostname()}:{2**22 + 1}"
"""A process that cannot be: Linux numbers no further than 2^22."""
ALIVE = f"{socket.gethostname()}:{os.getppid()}"
ELSEWHERE = "elsewhere.example:1"
ANY_THREAD = f"{socket.gethostname()}:{os.getpid()}."


def work(url: str, kind: str, start: Barrier, done: Any) -> None:
    """Run a transition as one of several operators."""
    engine = open_engine(url)
    start.wait()
    (outcome,) = migrate(engine, [KINDS[kind]], Options(batch_size=7))
    done.put((outcome.completed, outcome.movable))


@pytest.mark.parametrize("kind", KINDS)
def test_operators_join_and_never_double(database: Database, kind: str) -> None:
    engine = filled(database, 600)
    start, done = PROCESSES.Barrier(3), PROCESSES.Queue()
    processes = [
        PROCESSES.Process(target=work, args=(database.url, kind, start, done)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    outcomes = [done.get() for _ in processes]
    for process in processes:
        process.join()

    assert rows(engine) == moved_once(600)
    assert sum(completed for completed, _movable in outcomes) == 600
    assert {movable for _completed, movable in outcomes} == {0}
    assert leases(engine) == ()


def given_out(engine: sa.Engine, owner: str, *, age: float = 0.0) -> None:
    """Give the rows 3 to 6 out to *owner*, and move the checkpoint on to 8."""
    lease = Lease(token=str(uuid4()), owner=owner, after=(2,), upto=(6,))
    with engine.begin() as connection:
        seen = checkpoint.read(connection, IN_SQL.name)
        checkpoint.advance(connection, seen, (8,))
        checkpoint.lease(connection, IN_SQL.name, lease)
        connection.execute(sa.update(LEASE).values(renewed_at=LEASE.c.renewed_at - age))


def ended(engine: sa.Engine) -> Callable[[float], None]:
    """Return a sleep during which the others end what they do."""

    def sleep(_seconds: float) -> None:
        with engine.begin() as connection:
            connection.execute(sa.delete(LEASE))

    return sleep


def test_what_the_living_work_on_is_waited_for(database: Database) -> None:
    engine = filled(database, 10)
    given_out(engine, ALIVE)
    events: list[Event] = []

    outcome = run(engine, events=events, sleep=ended(engine))

    assert Waiting(transition=IN_SQL.name, owners=(ALIVE,)) in events
    assert (outcome.completed, outcome.movable) == (10, 0)
    assert rows(engine) == moved_once(10)


def test_threads_of_one_process_are_told_apart(database: Database) -> None:
    engine = filled(database, 10)
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    owner = f"{ANY_THREAD}{thread.ident}"
    given_out(engine, owner)
    events: list[Event] = []

    run(engine, events=events, sleep=ended(engine))

    over.set()
    thread.join()
    assert Waiting(transition=IN_SQL.name, owners=(owner,)) in events


@pytest.mark.parametrize(
    ("owner", "age"),
    [(DEAD, 0.0), (ELSEWHERE, 61.0), ("", 0.0), (f"{ANY_THREAD}1", 0.0)],
    ids=["dead", "elsewhere and old", "nobody", "a thread that has ended"],
)
def test_what_the_dead_worked_on_is_gone_on_with_first(
    database: Database, owner: str, age: float
) -> None:
    engine = filled(database, 10)
    given_out(engine, owner, age=age)

    assert run(engine, max_count=3, batch_size=2).completed == 3

    assert [row[0] for row in rows(engine) if row[3]] == [3, 4, 5]
    assert run(engine).movable == 0
    assert rows(engine) == moved_once(10)


def test_one_who_cannot_be_asked_is_waited_for_a_minute(database: Database) -> None:
    engine = filled(database, 10)
    given_out(engine, ELSEWHERE, age=50.0)
    events: list[Event] = []

    run(engine, events=events, sleep=ended(engine))

    assert any(isinstance(event, Waiting) for event in events)


def test_a_count_does_not_wait(database: Database) -> None:
    engine = filled(database, 10)
    given_out(engine, ALIVE)

    assert run(engine, max_count=2).completed == 2
    assert [row[0] for row in rows(engine) if row[3]] == [9, 10]


@pytest.mark.requires("row_locks")
def test_a_batch_whose_lease_was_taken_away_is_not_committed(database: Database) -> None:
    engine = filled(database, 10)
    taken: list[int] = []

    def take_away(_connection: sa.Connection, _cursor: object, sent: str, *_more: object) -> None:
        if sent.startswith("UPDATE flavors") and not taken:
            taken.append(1)
            with database.engine().begin() as other:
                other.execute(sa.delete(LEASE))

    sa.event.listen(engine, "before_cursor_execute", take_away)
    outcome = run(engine, batch_size=4)

    assert taken
    assert outcome.completed == 10
    assert rows(engine) == moved_once(10)


def test_a_table_that_grows_is_kept_up_with(database: Database) -> None:
    engine = filled(database, 4)

    def grow(event: Event) -> None:
        number = len(rows(engine))
        if number < 12 and not isinstance(event, Waiting):
            insert(engine, [{"id": number + 1, "memory_mb": number}])

    (outcome,) = migrate(engine, [IN_SQL], Options(batch_size=3), on_event=grow)

    assert outcome.movable == 0
    assert {row[1] for row in rows(engine)[:-1]} == {None}
