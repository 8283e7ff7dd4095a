"""Triggers that name what a contract drops: they would make every later write fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.guard.reach import same
from migrator.guard.value import Blocker, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from migrator.guard.reach import Reach


def naming(connection: Connection, reached: Reach) -> Iterator[Blocker]:
    """Yield a blocker for each trigger that stays although it names a column that goes."""
    query = dialect_of(connection.dialect).triggers()
    if query is None:
        return
    dropped = {name for each in reached.effects("drop", "trigger") if (name := each.name)}
    for place in sorted(reached.dropped, key=str):
        if place.column is None or reached.drops(place.schema, place.table):
            continue
        for row in connection.execute(sa.text(query), {"table": place.table}):
            if row.name not in dropped and _names(row.body, place, row.schema):
                yield Blocker(
                    table=place.table,
                    reason=f"trigger {row.name} names {place.column}: once that is gone, every "
                    "write that fires it fails",
                    command=f"DROP TRIGGER {row.name}, in this contract or before it",
                )


def _names(body: str, place: Place, schema: str | None) -> bool:
    """Return whether *body*, of a trigger on the table of *place*, names its column."""
    column = rf"\b(new|old)\s*\.\s*[`\"]?{re.escape(place.column or '')}(?!\w)"
    there = Place(schema, place.table)
    return same(there, place._replace(column=None)) and bool(re.search(column, body, re.IGNORECASE))
