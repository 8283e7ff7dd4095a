"""Named: triggers and views that stay and name what goes; whoever uses them would fail."""

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
    """Yield a blocker for each trigger or view that stays although it names what goes."""
    for place in sorted(reached.dropped, key=str):
        if place.column is not None and not reached.drops(place.schema, place.table):
            yield from _triggers(connection, reached, place)
        yield from _views(connection, reached, place)


def _triggers(connection: Connection, reached: Reach, place: Place) -> Iterator[Blocker]:
    query = dialect_of(connection.dialect).triggers()
    if query is None:
        return
    for row in connection.execute(sa.text(query), {"table": place.table}):
        if not _goes(reached, "trigger", row.name) and _names(row.body, place, row.schema):
            yield Blocker(
                table=place.table,
                reason=f"trigger {row.name} names {place.column}: once that is gone, every "
                "write that fires it fails",
                command=f"DROP TRIGGER {row.name}, in this contract or before it",
            )


def _views(connection: Connection, reached: Reach, place: Place) -> Iterator[Blocker]:
    query = dialect_of(connection.dialect).views()
    if query is None:
        return
    for row in connection.execute(sa.text(query)):
        if not _goes(reached, "view", row.name) and _shows(row.body, place):
            yield Blocker(
                table=place.table,
                reason=f"view {row.name} names {place.column or place.table}: once that is "
                "gone, every query of it fails",
                command=f"DROP VIEW {row.name}, in this contract or before it",
            )


def _goes(reached: Reach, thing: str, name: str) -> bool:
    return any(each.name == name for each in reached.effects("drop", thing))


def _names(body: str, place: Place, schema: str | None) -> bool:
    """Return whether *body*, of a trigger on the table of *place*, names its column."""
    column = rf"\b(new|old)\s*\.\s*[`\"]?{re.escape(place.column or '')}(?!\w)"
    there = Place(schema, place.table)
    return same(there, place._replace(column=None)) and bool(re.search(column, body, re.IGNORECASE))


def _shows(body: str, place: Place) -> bool:
    """Return whether *body*, in which the server has spelt out every name, shows *place*."""
    table = rf"`{re.escape(place.table)}`"
    if place.column is None:
        return bool(re.search(rf"(from|join|,) *\(*(`[^`]+`\.)?{table}", body, re.IGNORECASE))
    aliases = re.findall(rf"{table} (`[^`]+`)", body, re.IGNORECASE)
    owners = "|".join((table, *map(re.escape, aliases)))
    return bool(re.search(rf"({owners})\.`{re.escape(place.column)}`", body, re.IGNORECASE))
