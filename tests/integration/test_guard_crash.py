"""A contract that is killed at every point: the next run ends in the same state."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.database import open_engine
from migrator.errors import GuardError
from tests.guarded import (
    DROP,
    FLAVORS,
    OLD_RELEASE,
    RENAMED,
    Points,
    columns,
    contract,
    contract_of,
    expanded,
    fences,
    quick,
    remove,
    row_of_history,
)

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough

WORK = (DROP, "ALTER TABLE flavors DROP COLUMN deleted")
MIGRATION = contract_of(abandons={"flavors.deleted": "nobody reads it"})
PROCESSES = multiprocessing.get_context("forkserver")
"""Processes that fork from one that has done nothing but imports: quick, and without threads."""


def run(engine: sa.Engine) -> None:
    contract(engine, RENAMED, work=WORK, migration=MIGRATION, attempts=20)


def run_and_die(url: str, at: int) -> None:
    """Run the contract and die at point *at*, like a process that is killed -9."""
    engine = open_engine(quick(url))
    with Points(engine, at, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        run(engine)


def killed(database: Database, at: int) -> bool:
    """Return whether a run that dies at point *at* has come that far."""
    process = PROCESSES.Process(target=run_and_die, args=(database.url, at))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def write_as_the_old_release(database: Database) -> bool:
    """Return whether a process of the old release gets its write acknowledged."""
    try:
        with database.engine(poolclass=sa.NullPool).begin() as connection:
            connection.execute(OLD_RELEASE.insert(), {"id": 9, "memory_mb": 0})
    except sa.exc.DBAPIError:
        return False
    return True


def is_done(engine: sa.Engine) -> bool:
    """Return whether the history says so, in which case nobody runs the contract again."""
    row = row_of_history(engine)
    # Nothing of the contract is there of which the history says nothing.
    assert row is not None or columns(engine) >= {"memory_mb", "deleted"}
    return row is not None and row["state"] == "applied"


def move(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            FLAVORS.update().where(FLAVORS.c.id == 9).values(foobars=0, memory_mb=None)
        )


def check(engine: sa.Engine, *, written: bool) -> None:
    """Look that the contract is done, and that nothing is lost."""
    row = row_of_history(engine)
    assert row is not None
    assert (row["state"], row["statement"], row["intent"]) == ("applied", 2, None)
    assert (columns(engine), fences(engine)) == ({"id", "foobars"}, [])
    with engine.connect() as connection:
        rows = connection.execute(sa.select(FLAVORS.c.id, FLAVORS.c.foobars)).all()
    assert sorted(map(tuple, rows)) == [(1, 512)] + [(9, 0)] * written


@pytest.mark.parametrize("writes", [False, True])
def test_a_contract_killed_at_any_point_is_finished_by_the_next_run(
    database: Database, *, writes: bool
) -> None:
    PROCESSES.set_forkserver_preload([__name__, "tests.guarded"])
    at, acknowledged = 0, 0
    while True:
        engine = expanded(database, {"id": 1, "foobars": 512})
        came_to_its_end = not killed(database, at)
        written = writes and write_as_the_old_release(database)
        if written:
            with pytest.raises(GuardError):
                run(engine)
            assert fences(engine) == []
            move(engine)
        if not is_done(engine):
            run(engine)
        check(engine, written=written)
        remove(engine)
        if came_to_its_end:
            break
        at, acknowledged = at + 1, acknowledged + written
    assert at > 10
    assert (acknowledged > 0) == writes
