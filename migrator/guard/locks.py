"""Locks: which tables a contract keeps to itself while it looks and drops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from migrator.guard.look import pending_query
from migrator.guard.value import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

    from migrator.guard.step import Step


def lock_statements(step: Step, connection: Connection) -> tuple[str, ...]:
    """Return what locks the tables of *step* that are there; they are looked up first.

    Those that it changes are its own alone; of those that it only looks at, writers are kept
    out.
    """
    written = set(_there(connection, _written(step, connection)))
    looked = {Place(each.schema, name) for each in step.transitions for name in each.tables}
    read = set(_there(connection, looked)) - written
    names = sorted(_quoted(connection, place) for place in written)
    others = sorted(_quoted(connection, place) for place in read)
    if step.dialect.lock_aliases:
        others = sorted({*others, *_aliases(step, connection)} - set(names))
    if not names and not others:
        return ()
    return step.dialect.lock_tables(names, others)


def _written(step: Step, connection: Connection) -> Iterator[Place]:
    for transition in step.transitions:
        yield Place(transition.schema, transition.table)
    yield from step.reached.tables()
    if step.dialect.locks_referenced:
        inspector = sa.inspect(connection)
        for place in _there(connection, step.reached.tables()):
            for key in inspector.get_foreign_keys(place.table, schema=place.schema):
                yield Place(key["referred_schema"], key["referred_table"])


def _there(connection: Connection, places: Iterable[Place]) -> Iterator[Place]:
    inspector = sa.inspect(connection)
    default = inspector.default_schema_name
    for place in places:
        schema = None if place.schema == default else place.schema
        if inspector.has_table(place.table, schema=schema):
            yield Place(schema, place.table)


def _quoted(connection: Connection, place: Place) -> str:
    preparer = connection.dialect.identifier_preparer
    return preparer.format_table(sa.table(place.table, schema=place.schema))


def _aliases(step: Step, connection: Connection) -> Iterator[str]:
    """Yield the names under which the looks see their tables, where each must be locked."""
    preparer = connection.dialect.identifier_preparer
    for transition in step.transitions:
        query = pending_query(connection, transition, step.reached)
        if query is None:
            continue
        compiled = query.compile(dialect=connection.dialect)
        for part in visitors.iterate(query):
            if isinstance(part, sa.TableClause):
                yield preparer.format_table(part)
            if isinstance(part, sa.Alias) and isinstance(part.element, sa.TableClause):
                # An alias without a name of its own gets one when the query is compiled.
                alias = str(part.name) % compiled.anon_map
                yield f"{preparer.format_table(part.element)} AS {preparer.quote(alias)}"
