"""A contract that is cut short, and what has to be true once it was run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.errors import GuardError
from tests.guarded import (
    DROP,
    FLAVORS,
    OLD_RELEASE,
    RENAMED,
    columns,
    contract,
    contract_of,
    expanded,
    fences,
    remove,
    row_of_history,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.databases import Database

WORK = (DROP, "ALTER TABLE flavors DROP COLUMN deleted")
MIGRATION = contract_of(abandons={"flavors.deleted": "nobody reads it"})


def run(engine: sa.Engine) -> None:
    """Run the contract, which drops two columns by two statements."""
    contract(engine, RENAMED, work=WORK, migration=MIGRATION, attempts=20)


def cut_everywhere(database: Database, cut: Callable[[int], bool], *, writes: bool) -> int:
    """Let *cut* begin a contract and end it at point 0, 1, … until it comes to its end.

    *cut* returns whether it has ended it. Each time the contract is run again, and the
    outcome looked at. Return how often a process of the old release, which *writes* in
    between, had its write acknowledged.
    """
    at, acknowledged = 0, 0
    while True:
        engine = expanded(database, {"id": 1, "foobars": 512})
        came_to_its_end = not cut(at)
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
        engine.dispose()
        if came_to_its_end:
            break
        at, acknowledged = at + 1, acknowledged + written
    assert at > 10
    return acknowledged


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
    """Move the row that the old release has written."""
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
