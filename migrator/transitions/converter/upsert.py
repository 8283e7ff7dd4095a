"""Upserts: what INSERT sets in a row that is there already is moved as an UPDATE moves it.

SQLAlchemy applies no `onupdate` there, so what belongs to it is added here.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.mysql.dml import OnDuplicateClause
from sqlalchemy.dialects.postgresql import dml as postgresql
from sqlalchemy.dialects.sqlite import dml as sqlite
from sqlalchemy.ext.compiler import compiles

from migrator.errors import ConverterError
from migrator.transitions.converter.read import is_shown
from migrator.transitions.converter.stored import Whole, column_of
from migrator.transitions.converter.write import movements_of, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa
    from sqlalchemy.sql.compiler import SQLCompiler


@compiles(postgresql.OnConflictDoUpdate)
@compiles(sqlite.OnConflictDoUpdate)
def _conflict(clause: Any, compiler: SQLCompiler, **options: Any) -> str:
    _refuse_target(clause, compiler)
    moved = dict(_moved(clause.update_values_to_set, compiler))
    if moved:
        clause = copy(clause)
        clause.update_values_to_set = {**dict(clause.update_values_to_set), **moved}
    return str(compiler.visit_on_conflict_do_update(clause, **options))  # type: ignore[attr-defined]


@compiles(postgresql.OnConflictDoNothing)
@compiles(sqlite.OnConflictDoNothing)
def _ignored(clause: Any, compiler: SQLCompiler, **options: Any) -> str:
    _refuse_target(clause, compiler)
    return str(compiler.visit_on_conflict_do_nothing(clause, **options))  # type: ignore[attr-defined]


@compiles(OnDuplicateClause)
def _duplicate(clause: Any, compiler: SQLCompiler, **options: Any) -> str:
    moved = dict(_moved(clause.update, compiler))
    if moved:
        clause = copy(clause)
        clause.update = {**clause.update, **moved}
    return str(compiler.visit_on_duplicate_key_update(clause, **options))  # type: ignore[attr-defined]


def _moved(said: Any, compiler: SQLCompiler) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
    """Yield what has to be set beside the columns that are *said*, when some of them move."""
    table = _inserted_into(compiler)
    for movement in movements_of(table):
        named = frozenset(movement.names_of(dict(said)))
        if named.intersection(movement.transition.targets):
            made = movement.assigned(named, order_of(compiler))
            for name, value in made.items():
                yield column_of(table, name).key, Whole(value, table)


def _refuse_target(clause: Any, compiler: SQLCompiler) -> None:
    """Refuse a key that holds new values only: rows that have not moved are not found by it."""
    table = _inserted_into(compiler)
    for element in clause.inferred_target_elements or ():
        column = table.c.get(getattr(element, "key", element))
        if column is not None and is_shown(column):
            raise ConverterError(
                f"an INSERT cannot find rows by {table.name}.{column.name} before all have moved",
                hint="look for the row first, or upsert by another key",
            )


def _inserted_into(compiler: SQLCompiler) -> Any:
    """Return the table of the INSERT that is being compiled."""
    statement: Any = compiler.stack[-1]["selectable"]
    return statement.table
