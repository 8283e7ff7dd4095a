"""Remaining: what is left of a transition, read with its own predicate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from migrator import checkpoint
from migrator.transitions.batch import any_key, key_of, reflect
from migrator.transitions.keys import portions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from migrator.transitions.keys import Key
    from migrator.transitions.transition import Transition


class Remaining(NamedTuple):
    """How many pending rows a transition has; completed it is when there are none."""

    movable: int
    skipped: int
    """Rows in a transitional state."""
    failed: int
    """Rows in quarantine, without those that somebody has converted since."""


def remaining(connection: Connection, transition: Transition) -> Remaining:
    """Count the pending rows of *transition* in the whole table, which takes a scan."""
    table = reflect(connection, transition)
    counts: list[sa.ColumnElement[int]] = [sa.func.count()]
    if transition.skip is not None:
        counts.append(sa.func.sum(sa.case((transition.skipped(table), 1), else_=0)))
    query = sa.select(*counts).select_from(table).where(transition.pending(table))
    pending, *skipped = (int(count or 0) for count in connection.execute(query).one())
    failed = _failed(connection, transition, table) if pending else 0
    return Remaining(pending - sum(skipped) - failed, sum(skipped), failed)


def _failed(connection: Connection, transition: Transition, table: sa.Table) -> int:
    """Return how many of the movable rows are in quarantine."""
    if not sa.inspect(connection).has_table(checkpoint.QUARANTINE.name):
        return 0
    keys = [key for key, _why in checkpoint.quarantined(connection, transition.name)]
    return len(which(connection, transition, table, keys, transition.movable))


def which(
    connection: Connection,
    transition: Transition,
    table: sa.Table,
    keys: Sequence[Key],
    predicate: Callable[[sa.Table], sa.ColumnElement[bool]],
) -> set[Key]:
    """Return those of *keys* whose rows fulfil *predicate*."""
    columns = [table.c[name] for name in key_of(transition, table)]
    return {
        tuple(row)
        for some in portions(keys)
        for row in connection.execute(
            sa.select(*columns).where(any_key(columns, some), predicate(table))
        )
    }
