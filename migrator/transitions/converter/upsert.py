"""Upserts: what INSERT sets in a row that is there already is moved as an UPDATE moves it.

SQLAlchemy applies no `onupdate` there, so what belongs to it is added here.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors

from migrator.errors import ConverterError
from migrator.transitions.converter.read import UPSERTED, is_shown, shown_as
from migrator.transitions.converter.stored import Whole, column_of, stored_in
from migrator.transitions.converter.write import movements_of, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.sql.compiler import SQLCompiler

SETS = ("update_values_to_set", "update")
"""Where the clauses of the dialects keep what they set: ON CONFLICT, ON DUPLICATE KEY."""


# The clauses are known by what they have: to import them is to import every dialect.
@compiles(sa.Insert)
def _insert(insert: sa.Insert, compiler: SQLCompiler, **options: Any) -> str:
    clause = insert._post_values_clause  # noqa: SLF001 - it is nowhere else
    table: sa.TableClause = insert.table
    if isinstance(table, sa.Table) and clause is not None:
        insert = copy(insert)
        insert._post_values_clause = _completed(clause, table, compiler)  # noqa: SLF001
    return str(compiler.visit_insert(insert, **options))  # type: ignore[no-untyped-call]


def _completed(clause: Any, table: sa.Table, compiler: SQLCompiler) -> Any:
    """Return the *clause* of an upsert with what has to be set beside what it says."""
    _refuse_target(clause, table)
    for name in SETS:
        if found := getattr(clause, name, None):
            said = {key: _spelt(value) for key, value in dict(found).items()}
            clause = copy(clause)
            setattr(clause, name, {**said, **dict(_moved(said, table, compiler))})
    return clause


def _spelt(value: Any) -> Any:
    """Return *value* with what stands for a column of the row that could not be inserted."""

    def spelt(element: Any, **_options: Any) -> Any:
        if not isinstance(element, sa.Column) or element.table.name not in UPSERTED:
            return None
        made = shown_as(element)
        return element if made is None else stored_in(element.table, made)

    if not isinstance(value, sa.ClauseElement):
        return value
    return visitors.replacement_traverse(value, {}, spelt)


def _moved(
    said: dict[Any, Any], table: sa.Table, compiler: SQLCompiler
) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
    """Yield what has to be set beside the columns that are *said*, when some of them move."""
    for movement in movements_of(table):
        named = frozenset(movement.names_of(said))
        if named.intersection(movement.transition.targets):
            made = movement.assigned(named, order_of(compiler, tables=1))
            for name, value in made.items():
                yield column_of(table, name).key, Whole(value, table)


def _refuse_target(clause: Any, table: sa.Table) -> None:
    """Refuse a key that holds new values only: rows that have not moved are not found by it."""
    for element in getattr(clause, "inferred_target_elements", None) or ():
        column = table.c.get(getattr(element, "key", element))
        if column is not None and is_shown(column):
            raise ConverterError(
                f"an INSERT cannot find rows by {table.name}.{column.name} before all have moved",
                hint="look for the row first, or upsert by another key",
            )
