"""A runner that is killed at every point: the next run ends in the same state."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

import pytest

from migrator.database import open_engine
from migrator.online import Options, migrate
from tests.guarded import quick
from tests.moving import (
    KINDS,
    TOO_MUCH,
    Points,
    empty,
    filled,
    forgotten,
    insert,
    kept,
    leases,
    rows,
    run,
)

if TYPE_CHECKING:
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


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=[] if each == "in_sql" else SLOW) for each in KINDS]
)
def test_a_run_that_is_killed_at_any_point_is_gone_on_with(database: Database, kind: str) -> None:
    engine = filled(database)
    url = quick(database.url).render_as_string(hide_password=False)
    at = 0
    insert(engine, [*ROWS, REFUSED])

    while died(url, kind, at):
        assert forgotten(engine, KINDS[kind]) == [], f"killed at point {at}"
        outcome = run(engine, KINDS[kind], batch_size=2)
        assert rows(engine) == [*MOVED, STUCK], f"killed at point {at}"
        assert (outcome.movable, outcome.failed, list(kept(engine))) == (0, 1, [5])
        assert leases(engine) == ()
        empty(engine)
        insert(engine, [*ROWS, REFUSED])
        at += 1

    assert at > 30
