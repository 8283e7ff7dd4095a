"""How a converted column reads in SQL: as an expression over the old and the new place."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import FromClauseAlias

from migrator.errors import ConverterError
from migrator.transitions.converter.stored import OF

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

AS_STORED = "migrator_as_stored"
"""Annotation of a column that is to be read as it is."""

ABOUT_THE_LIST = (
    "add_to_result_map",
    "result_map_targets",
    "within_columns_clause",
    "within_label_clause",
)
"""Options of compilation that concern an element of a SELECT, but no part of it."""

UPSERTED = frozenset({"excluded", "inserted"})
"""Names that a row has which INSERT could not insert."""

_shown: WeakKeyDictionary[sa.Table, dict[str, sa.ColumnElement[Any] | None]] = WeakKeyDictionary()
"""Table → key of a column → what it reads as; None where only Python can tell."""


class Refused(sa.ColumnElement[Any]):
    """A value that only Python can compute, in a query: compiling it is an error."""

    inherit_cache = False

    def __init__(self, name: str) -> None:
        self.name = name


@compiles(Refused)
def _refused(element: Refused, _compiler: SQLCompiler, **_options: Any) -> str:
    raise ConverterError(
        f"{element.name} is converted in Python, so that a query cannot select, filter or "
        "sort by it",
        hint="give the transition sql= beside python=, or load the objects and look at them",
    )


def show(column: sa.Column[Any], made: sa.ColumnElement[Any] | None) -> None:
    """Let *column* read as *made*, over stored columns; None lets no query name it."""
    _shown.setdefault(column.table, {})[column.key] = made


def is_shown(column: sa.Column[Any]) -> bool:
    """Return whether *column*, of a table, reads as something else than what it stores."""
    table: sa.FromClause | None = column.table
    return isinstance(table, sa.Table) and column.key in _shown.get(table, ())


def shown_as(column: sa.Column[Any]) -> sa.ColumnElement[Any] | None:
    """Return what *column*, of a table or an alias, reads as; None when it is what it stores."""
    origin = _origin(column)
    return None if origin is None else _shown[origin.table][origin.key]


def as_stored(column: sa.Column[Any]) -> sa.Column[Any]:
    """Return *column* as it is stored, for a SELECT that converts it afterwards."""
    return column._annotate({AS_STORED: True})  # noqa: SLF001 - as the ORM marks its columns


# Every column of every table is compiled here, because a converted one may stand anywhere:
# in the conditions of relationships, in aliases, in expressions that were made long before.
@compiles(sa.Column)
def _read(column: sa.Column[Any], compiler: SQLCompiler, **options: Any) -> str:
    plain = compiler.visit_column(column, **options)
    made = _made(column, compiler, options)
    if made is None:
        return plain
    inner = {name: value for name, value in options.items() if name not in ABOUT_THE_LIST}
    text = f"({compiler.process(made, **{**inner, OF: column.table})})"
    if options.get("within_columns_clause") and not options.get("within_label_clause"):
        return f"{text} AS {compiler.preparer.quote(column.name)}"
    return text


# MySQL knows in HAVING no column that is only part of an expression in GROUP BY, but the
# aggregates of it: that of equal values is each of them.
@compiles(sa.Select, "mysql", "mariadb")
def _grouped(select: sa.Select[Any], compiler: SQLCompiler, **options: Any) -> str:
    having = select._having_criteria  # noqa: SLF001 - as _group_by_clauses, it is nowhere else
    if having and select._group_by_clauses:  # noqa: SLF001
        select = copy(select)
        select._having_criteria = tuple(  # noqa: SLF001
            visitors.replacement_traverse(each, {}, _aggregated) for each in having
        )
    return str(compiler.visit_select(select, **options))  # type: ignore[no-untyped-call]


def _aggregated(element: Any, **_options: Any) -> Any:
    """Return what takes the place of *element* in HAVING; itself when it is left as it is."""
    if isinstance(element, FunctionElement | sa.ScalarSelect | sa.Exists):
        return element
    if isinstance(element, sa.Column) and _origin(element) is not None:
        return sa.func.min(element)
    return None


def _made(
    column: sa.Column[Any], compiler: SQLCompiler, options: dict[str, Any]
) -> sa.ColumnElement[Any] | None:
    """Return what *column* reads as where it stands; None when it is what it stores."""
    in_statement = bool(compiler.stack)  # DDL has none
    origin = _origin(column) if in_statement else None
    if origin is None or _is_inserted(column, compiler, options):
        return None
    made = _shown[origin.table][origin.key]
    if made is None:
        return Refused(f"{origin.table.name}.{origin.name}")
    return made if _is_of(origin.table, column.table) else None


def _origin(column: sa.Column[Any]) -> sa.Column[Any] | None:
    """Return the converted column that *column* is, or is taken from."""
    if _is_as_stored(column):
        return None
    bases = (each for each in column.base_columns if isinstance(each, sa.Column))
    return next((each for each in bases if is_shown(each)), None)


def _is_as_stored(column: Any) -> bool:
    """Return whether *column* is marked by as_stored(), or taken from one that is."""
    proxies = getattr(column, "_proxies", ())
    return AS_STORED in column._annotations or any(map(_is_as_stored, proxies))  # noqa: SLF001


def _is_of(table: sa.Table, selectable: sa.FromClause) -> bool:
    """Return whether *selectable* is *table* or an alias of it: what else there is has read it."""
    while isinstance(selectable, FromClauseAlias):
        selectable = selectable.element
    return bool(selectable == table)


def _is_inserted(column: sa.Column[Any], compiler: SQLCompiler, options: dict[str, Any]) -> bool:
    """Return whether *column* is of a row that an INSERT writes, always in the new format."""
    if not isinstance(compiler.stack[-1]["selectable"], sa.Insert):
        return False
    return column.table.name in UPSERTED or bool(options.get("within_columns_clause"))
