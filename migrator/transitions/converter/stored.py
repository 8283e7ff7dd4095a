"""What a column holds in the database, whatever a converter shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import FromClauseAlias

from migrator.errors import ConverterError
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.sql.compiler import SQLCompiler

OF = "migrator_of"
"""Option of compilation: the table, or the alias of it, that stored columns are of."""


class Stored(sa.ColumnElement[Any]):
    """A column as it is stored, of the table or alias that is being compiled.

    It stands for the column in expressions that are made once and compiled for every
    alias: their bound values are the same each time, as GROUP BY needs them.
    """

    inherit_cache = False

    def __init__(self, column: sa.Column[Any]) -> None:
        self.key: str = column.key
        self.name = column.name
        self.type = column.type


@compiles(Stored)
def _stored(element: Stored, compiler: SQLCompiler, **options: Any) -> str:
    table: sa.FromClause = options.pop(OF)
    return compiler.visit_column(cast("sa.Column[Any]", table.c[element.key]), **options)


@compiles(Stored, "sqlite")
def _stored_in_sqlite(element: Stored, compiler: SQLCompiler, **options: Any) -> str:
    if options.get("include_table", True):
        return _stored(element, compiler, **options)
    # In RETURNING, where names have no table, SQLite may take a column for one that is NOT
    # NULL, and IS NULL for false, unless the column is part of something else.
    qualified = options[OF].schema is None
    return (
        f"coalesce({_stored(element, compiler, **{**options, 'include_table': qualified})}, NULL)"
    )


def stored_in(table: sa.FromClause, made: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return *made*, over stored columns, as an expression over the columns of *table*."""

    def named(element: Any, **_options: Any) -> Any:
        return table.c[element.key] if isinstance(element, Stored) else None

    return cast("sa.ColumnElement[Any]", visitors.replacement_traverse(made, {}, named))


class Whole(sa.ColumnElement[Any]):
    """An expression over stored columns, of one table."""

    inherit_cache = False

    def __init__(self, made: sa.ColumnElement[Any], table: sa.FromClause) -> None:
        self.made = made
        self.table = table
        self.type = made.type


@compiles(Whole)
def _whole(element: Whole, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.made, **{**options, OF: element.table})


class _StoredColumns:
    """What a transition is given instead of the table."""

    def __init__(self, columns: Iterable[sa.Column[Any]]) -> None:
        self.c = Row({column.name: Stored(column) for column in columns})


def stored(table: sa.Table, *old: sa.Column[Any]) -> sa.FromClause:
    """Return *table* with its columns as they are stored, by their names in the database.

    *old* are columns that it will be given.
    """
    return cast("sa.FromClause", _StoredColumns((*table.columns, *old)))


def column_named(table: sa.Table, name: str) -> sa.Column[Any] | None:
    """Return the column of *table* that is called *name* in the database."""
    return next((column for column in table.columns if column.name == name), None)


def column_of(table: sa.Table, name: str) -> sa.Column[Any]:
    """Return the column *name* of *table*; raise ConverterError when there is none."""
    column = column_named(table, name)
    if column is None:
        raise ConverterError(
            f"the models have no column {name!r} of table {table.name!r}",
            hint="declare the column in the model",
        )
    return column


def read_elsewhere(made: sa.ColumnElement[Any], table: sa.Table) -> frozenset[str]:
    """Return the columns of tables other than *table* that *made* reads, as 'table.column'."""
    found = set()
    for each in visitors.iterate(made):
        if isinstance(each, sa.ColumnClause) and each.table is not None:
            place: Any = each.table
            while isinstance(place, FromClauseAlias):
                place = place.element
            if isinstance(place, sa.TableClause) and place is not table:
                found.add(f"{place.fullname}.{each.name}")
    return frozenset(found)
