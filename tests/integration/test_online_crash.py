"""A runner that is killed at every point: the next run ends in the same state."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator import checkpoint
from migrator.database import open_engine
from migrator.online import Options, migrate
from tests.moving import (
    FLAVORS,
    KINDS,
    TOO_MUCH,
    empty,
    filled,
    insert,
    kept,
    leases,
    rows,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrator.transitions import Transition
    from tests.databases import Database

pytestmark = pytest.mark.thorough

SLOW = pytest.mark.slow
PROCESSES = multiprocessing.get_context("forkserver")
"""Processes that fork from one that has done nothing but imports: quick, and without threads."""
PROCESSES.set_forkserver_preload(["tests.moving"])

ROWS = [{"id": each, "memory_mb": each} for each in range(5)]
REFUSED = {"id": 5, "memory_mb": TOO_MUCH}
MOVED = [(each, None, each, 1) for each in range(5)]
STUCK = (5, TOO_MUCH, None, 0)


class Points:
    """Calls *act* at point *at* of what *engine* does: before each statement and each commit.

    After a statement nothing is different from before the next.
    """

    def __init__(self, engine: sa.Engine, at: int, act: Callable[[], None]) -> None:
        self.at = at
        self.act = act
        self.passed = 0
        sa.event.listen(engine, "before_cursor_execute", self._sent)
        sa.event.listen(engine, "commit", self._count)

    def _sent(self, *sent: Any) -> None:
        if any(table in sent[2] for table in ("flavors", "migrator_lease", "migrator_quarantine")):
            self._count()

    def _count(self, *_sent: object) -> None:
        self.passed += 1
        if self.passed - 1 == self.at:
            self.act()


def run_and_die(url: str, kind: str, at: int) -> None:
    """Run a transition and die at point *at*, like a process that is killed -9."""
    engine = open_engine(url)
    Points(engine, at, lambda: os.kill(os.getpid(), signal.SIGKILL))
    migrate(engine, [KINDS[kind]], Options(batch_size=2))


def died(*arguments: object) -> bool:
    """Return whether a process that runs a transition was killed before it came to its end."""
    process = PROCESSES.Process(target=run_and_die, args=arguments)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def forgotten(engine: sa.Engine, transition: Transition) -> list[int]:
    """Return the rows that nobody will look at before all of the table is looked at again.

    The checkpoint says that they are given out, but they are not done, and in nobody's lease.
    """
    with engine.connect() as connection:
        place = checkpoint.read(connection, transition.name).place
        pending = connection.scalars(sa.select(FLAVORS.c.id).where(transition.pending(FLAVORS)))
        given = [] if place is None else [each for each in pending if each <= place[0]]
    stuck = kept(engine, transition)
    leased = [
        range(lease.after[0] + 1 if lease.after else -9, lease.upto[0] + 1)
        for lease in leases(engine, transition)
    ]
    return [each for each in given if each not in stuck and not any(each in r for r in leased)]


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=[] if each == "in_sql" else SLOW) for each in KINDS]
)
def test_a_run_that_is_killed_at_any_point_is_gone_on_with(database: Database, kind: str) -> None:
    engine = filled(database)
    at = 0
    insert(engine, [*ROWS, REFUSED])

    while died(database.url, kind, at):
        assert forgotten(engine, KINDS[kind]) == [], f"killed at point {at}"
        outcome = run(engine, KINDS[kind], batch_size=2)
        assert rows(engine) == [*MOVED, STUCK], f"killed at point {at}"
        assert (outcome.movable, outcome.failed, list(kept(engine))) == (0, 1, [5])
        assert leases(engine) == ()
        empty(engine)
        insert(engine, [*ROWS, REFUSED])
        at += 1

    assert at > 30
