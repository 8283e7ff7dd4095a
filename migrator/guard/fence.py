"""A fence: the database itself refuses rows that would need a transition again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from migrator.dialects import dialect_of
from migrator.errors import TransitionError
from migrator.transitions.batch import reflect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.transitions.transition import Transition

PREFIX = "migrator_fence_"
PLAIN = {
    *("binary", "bindparam", "case", "cast", "clauselist", "column", "expression_clauselist"),
    *("false", "function", "grouping", "null", "true", "typeclause", "unary"),
}
"""What a predicate may consist of to look at nothing but its own row."""
PURE = {
    *("abs", "char_length", "coalesce", "length", "lower", "ltrim", "nullif", "round"),
    *("rtrim", "trim", "upper"),
}
"""Functions that give the same for the same row at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """What keeps pending rows of one transition out of a table; all names are quoted."""

    table: str
    name: str
    predicate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A fence in the catalogue; until it is *valid*, older rows may be pending behind it."""

    table: str
    valid: bool


def fence_of(connection: Connection, transition: Transition) -> Fence | None:
    """Return the fence for *transition*, or None where a row alone does not tell if it is pending.

    None too when its table is not as the transition expects it: then there is nothing
    to keep out, or the look says what is missing.
    """
    dialect = dialect_of(connection.dialect)
    if dialect.fences() is None or (dialect.fenced_row and transition.schema):
        return None
    try:
        table = reflect(connection, transition)
        if not is_plain(transition.pending(table), table):
            return None
        predicate = _rendered(connection, transition, table, dialect)
    except (TransitionError, sa.exc.CompileError):
        return None
    quoted = connection.dialect.identifier_preparer.format_table(table)
    digest = hashlib.sha256(f"{quoted} {transition.name} {predicate}".encode()).hexdigest()[:10]
    name = re.sub(r"[^a-z0-9_]", "", transition.name.lower())[:30]
    return Fence(table=quoted, name=f"{PREFIX}{digest}_{name}", predicate=predicate)


def is_plain(predicate: sa.ColumnElement[bool], table: sa.FromClause) -> bool:
    """Return whether *predicate* is made of the columns of one row of *table* alone."""
    return all(_is_plain(part, table) for part in visitors.iterate(predicate))


def standing(
    connection: Connection, transitions: Iterable[Transition] | None = None
) -> Mapping[str, Standing]:
    """Return by its name every fence that stands on the tables of *transitions*, or anywhere."""
    query = dialect_of(connection.dialect).fences()
    if query is None:
        return {}
    tables = None if transitions is None else {(each.schema, each.table) for each in transitions}
    quote = connection.dialect.identifier_preparer
    return {
        row.name: Standing(
            table=quote.format_table(sa.table(row.table, schema=row.schema)), valid=bool(row.valid)
        )
        for row in connection.execute(sa.text(query))
        if tables is None or _is_on(connection, row, tables)
    }


def _is_on(connection: Connection, row: sa.Row[Any], tables: set[tuple[str | None, str]]) -> bool:
    same = dialect_of(connection.dialect).syntax.same_column
    return any(
        same(row.table, table) and (row.schema == schema or (schema is None and row.visible))
        for schema, table in tables
    )


def raising(fence: Fence, there: Mapping[str, object], dialect: Dialect) -> Iterator[str]:
    """Yield what raises *fence*, without the parts of it that are *there* already."""
    statements = dialect.raise_fence(fence.table, fence.name, fence.predicate)
    names = dialect.fence_names(fence.name)
    for name, statement in zip(names, statements, strict=True):
        if name not in there:
            if dialect.fences_leave_traces:
                yield dialect.lift_fence(fence.table, name)
            yield statement


def lift_fences(
    connection: Connection, transitions: Iterable[Transition] | None = None
) -> tuple[str, ...]:
    """Take away every fence on the tables of *transitions*, or anywhere; return their names."""
    with connection.begin():
        fences = standing(connection, transitions)
        for name, fence in fences.items():
            statement = dialect_of(connection.dialect).lift_fence(fence.table, name)
            connection.exec_driver_sql(statement)
    return tuple(fences)


def _is_plain(part: visitors.ExternallyTraversible, table: sa.FromClause) -> bool:
    kind = part.__visit_name__
    if kind not in PLAIN:
        return False
    if isinstance(part, sa.ColumnClause):
        return bool(part.table is table or (part.is_literal and re.fullmatch(r"\d+", part.name)))
    if not isinstance(part, sa.FunctionElement):
        return True
    return getattr(part, "name", "") in PURE and not getattr(part, "packagenames", ())


def _rendered(
    connection: Connection, transition: Transition, table: sa.Table, dialect: Dialect
) -> str:
    """Return the predicate as text, over the row that the fence is shown."""
    rows = table.alias(dialect.fenced_row) if dialect.fenced_row else table
    compiled = transition.pending(rows).compile(
        dialect=connection.dialect,
        compile_kwargs={"literal_binds": True, "include_table": bool(dialect.fenced_row)},
    )
    return str(compiled)
