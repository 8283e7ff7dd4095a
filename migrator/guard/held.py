"""Held: the columns that a database has, to see afterwards what a contract really took away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from migrator.guard.value import Place
from migrator.lint.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection


class Column(NamedTuple):
    """What a column takes."""

    type: str
    nullable: bool


Held = dict[Place, Column]


def held(connection: Connection) -> Held:
    """Return each column of each table, by its place; what belongs to the system is left out."""
    inspector = sa.inspect(connection)
    schemas = set(inspector.get_schema_names()) - {"information_schema"}
    return {
        Place(schema, table, column["name"]): Column(str(column["type"]), bool(column["nullable"]))
        for schema in sorted(schemas)
        for (_, table), columns in inspector.get_multi_columns(schema=schema).items()
        for column in columns
    }


def lost(before: Held, after: Mapping[Place, Column]) -> Iterator[Loss]:
    """Yield what is gone or narrowed in *after*; a table that is gone, once."""
    tables = {place[:2] for place in after}
    gone = {place._replace(column=None) for place in before if place[:2] not in tables}
    for place in sorted(gone):
        yield Loss(what=f"drops {place}", schema=place.schema, table=place.table)
    for place, column in before.items():
        if place[:2] in tables and (what := _change(column, after.get(place))):
            columns = frozenset({str(place.column)})
            yield Loss(
                what=f"{what} {place}",
                schema=place.schema,
                table=place.table,
                columns=columns,
                narrows=place in after,
            )


def _change(before: Column, after: Column | None) -> str | None:
    """Return what was done to a column that takes less than before."""
    if after is None:
        return "drops"
    narrowed = after.type != before.type or (before.nullable and not after.nullable)
    return "narrows" if narrowed else None
