"""Flavors to move, with a column that counts how often each of them was converted."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator import checkpoint, convert, expression, python, rename
from migrator.database import open_engine
from migrator.history import METADATA as OURS
from migrator.history import ensure
from migrator.online import Options, migrate
from migrator.transitions.batch import any_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from migrator.online import Event, Outcome
    from migrator.transitions import Transition
    from tests.databases import Database

METADATA = sa.MetaData()
FLAVORS = sa.Table(
    "flavors",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("task", sa.String(10)),
    sa.Column("memory_mb", sa.Integer),
    sa.Column("foobars", sa.Integer, sa.CheckConstraint("foobars < 1000000")),
    sa.Column("hits", sa.Integer, nullable=False, server_default="0"),
)
"""*hits* goes up by one with every conversion; *foobars* refuses a million."""

TOO_MUCH = 1_000_000


def named(transition: Transition, name: str = "flavor_foobars") -> Transition:
    """Return *transition* as the loader of migrations would have named it."""
    return replace(transition, name=name)


def move_counted(connection: sa.Connection, keys: Sequence[tuple[Any, ...]]) -> None:
    """Move the rows *keys* as a function of a user does."""
    connection.execute(
        sa.update(FLAVORS)
        .where(any_key([FLAVORS.c.id], keys))
        .values(foobars=FLAVORS.c.memory_mb, hits=FLAVORS.c.hits + 1)
    )
    connection.execute(
        sa.update(FLAVORS).where(any_key([FLAVORS.c.id], keys)).values(memory_mb=None)
    )


IN_SQL = named(
    convert(
        "flavors",
        "memory_mb",
        to={
            "foobars": expression(sql=lambda row: row.memory_mb),
            "hits": expression(sql=lambda row: row.hits + 1),
        },
    )
)
IN_PYTHON = named(
    convert(
        "flavors",
        "memory_mb",
        to={
            "foobars": expression(python=lambda row: row.memory_mb),
            "hits": expression(python=lambda row: row.hits + 1),
        },
        also_reads=("hits",),
    )
)
BY_FUNCTION = named(
    python("flavors", pending=lambda row: row.memory_mb.is_not(None), move=move_counted)
)
RENAMED = named(rename("flavors", "memory_mb", to="foobars"))
SKIPPING = replace(IN_SQL, skip=lambda row: row.task.is_not(None))
KINDS = {"in_sql": IN_SQL, "in_python": IN_PYTHON, "by_function": BY_FUNCTION}


def filled(database: Database, rows: int = 0) -> sa.Engine:
    """Return an engine on *database* with so many flavors to move: ids 1, 2, …, memory 0, 1, …"""
    engine = open_engine(database.url)
    with engine.begin() as connection:
        ensure(connection)
        METADATA.create_all(connection)
    insert(engine, ({"id": each + 1, "memory_mb": each} for each in range(rows)))
    return engine


def insert(engine: sa.Engine, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert *rows* and commit."""
    with engine.begin() as connection:
        for row in rows:
            connection.execute(FLAVORS.insert(), dict(row))


def empty(engine: sa.Engine) -> None:
    """Take everything out of the tables, so that the next run starts afresh."""
    with engine.begin() as connection:
        for table in (FLAVORS, checkpoint.CHECKPOINT, checkpoint.LEASE, checkpoint.QUARANTINE):
            connection.execute(table.delete())


def drop(engine: sa.Engine) -> None:
    """Drop all tables."""
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        OURS.drop_all(connection)


def run(engine: sa.Engine, transition: Transition = IN_SQL, **options: Any) -> Outcome:
    """Run one transition; its events are appended to *events* if that is given."""
    events: list[Event] = options.pop("events", [])
    (outcome,) = migrate(engine, [transition], Options(**options), on_event=events.append)
    return outcome


def rows(engine: sa.Engine) -> list[tuple[Any, ...]]:
    """Return id, memory_mb, foobars and hits of every flavor, in the order of the id."""
    columns = (FLAVORS.c.id, FLAVORS.c.memory_mb, FLAVORS.c.foobars, FLAVORS.c.hits)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by("id"))]


def moved_once(number: int) -> list[tuple[Any, ...]]:
    """Return what `rows` finds when so many flavors were each moved exactly once."""
    return [(each + 1, None, each, 1) for each in range(number)]


def kept(engine: sa.Engine, transition: Transition = IN_SQL) -> dict[Any, str]:
    """Return what is in quarantine: key → reason."""
    with engine.connect() as connection:
        found = checkpoint.quarantined(connection, transition.name)
        return {key[0] if len(key) == 1 else key: reason for key, reason in found}


def leases(engine: sa.Engine, transition: Transition = IN_SQL) -> tuple[checkpoint.Lease, ...]:
    """Return what is given out."""
    with engine.connect() as connection:
        return checkpoint.leases(connection, transition.name)


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


def wait_for_a_waiter(engine: sa.Engine) -> None:
    """Wait until somebody waits for a lock."""
    waiting = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
        "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    }
    query = waiting["postgresql" if engine.dialect.name == "postgresql" else "mysql"]
    with engine.connect() as connection:
        while not connection.scalar(sa.text(query)):
            connection.rollback()
            time.sleep(0.2)  # what is asked more often is answered from a cache


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
