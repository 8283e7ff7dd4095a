"""A batch: the transition read as statements over a range of keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator.errors import TransitionError
from migrator.transitions.transition import Failure, Moved

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.transitions.columns import Columns
    from migrator.transitions.keys import Key
    from migrator.transitions.transition import Transition

MOST_KEYS = 500
"""Keys that one statement names: SQLite takes 1000 terms in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The rows of *table* whose key is after *after* and up to *upto*.

    *without* are keys in quarantine. *found* is how many movable rows it has at the most.
    """

    table: sa.Table
    key: tuple[str, ...]
    dialect: Dialect
    after: Key | None = None
    upto: Key | None = None
    without: Collection[Key] = ()
    found: int = 0

    @property
    def key_columns(self) -> tuple[sa.Column[Any], ...]:
        """The columns of the key, in its order."""
        return tuple(self.table.c[name] for name in self.key)

    def within(self) -> sa.ColumnElement[bool]:
        """Return the predicate of this range; keys are compared by the database only."""
        columns = self.key_columns
        terms = []
        if self.after is not None:
            terms.append(_after(columns, self.after))
        if self.upto is not None:
            terms.append(_up_to(columns, self.upto))
        if self.without and len(columns) == 1:
            terms.append(columns[0].not_in([key[0] for key in self.without]))
        elif self.without:
            terms.extend(sa.not_(is_key(columns, key)) for key in self.without)
        return sa.and_(sa.true(), *terms)

    def only(self, key: Key, *, after: Key | None) -> Range:
        """Return the range that ends at *key* and begins after *after*."""
        return replace(self, after=after, upto=key, found=1)


def _after(columns: Sequence[sa.Column[Any]], key: Key) -> sa.ColumnElement[bool]:
    """Return the predicate of keys after *key*, spelt so that every engine uses the index."""
    column, value = columns[0], key[0]
    beyond: sa.ColumnElement[bool] = column > value
    if len(columns) == 1:
        return beyond
    return sa.or_(beyond, sa.and_(column == value, _after(columns[1:], key[1:])))


def _up_to(columns: Sequence[sa.Column[Any]], key: Key) -> sa.ColumnElement[bool]:
    """Return the predicate of keys up to and including *key*."""
    column, value = columns[0], key[0]
    if len(columns) == 1:
        within: sa.ColumnElement[bool] = column <= value
        return within
    return sa.or_(column < value, sa.and_(column == value, _up_to(columns[1:], key[1:])))


def is_key(columns: Sequence[sa.Column[Any]], key: Key) -> sa.ColumnElement[bool]:
    """Return the predicate of the one row whose key is *key*."""
    return sa.and_(*(column == value for column, value in zip(columns, key, strict=True)))


def any_key(columns: Sequence[sa.Column[Any]], keys: Sequence[Key]) -> sa.ColumnElement[bool]:
    """Return the predicate of the rows whose key is one of *keys*."""
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return sa.or_(*(is_key(columns, key) for key in keys))


def lock(connection: Connection, transition: Transition, rows: Range) -> list[Key]:
    """Lock the movable rows of *rows* until the transaction ends, and return their keys."""
    statement = (
        sa.select(*rows.key_columns)
        .where(rows.within(), transition.movable(rows.table))
        .order_by(*rows.key_columns)
    )
    if rows.dialect.capabilities.row_locks:
        statement = statement.with_for_update(of=rows.table)
    return [tuple(row) for row in connection.execute(statement)]


def reflect(connection: Connection, transition: Transition) -> sa.Table:
    """Return the table of *transition* as the database has it now.

    Raises TransitionError when the table, its key or a column named by the
    transition is missing: the expand has not been applied, or the names are wrong.
    """
    inspector = sa.inspect(connection)
    try:
        # Its columns and key are enough; a constraint that is not validated yet, as a
        # fence of the guard, is something that SQLAlchemy cannot reflect.
        found = inspector.get_columns(transition.table, schema=transition.schema)
        key = inspector.get_pk_constraint(transition.table, schema=transition.schema)
    except sa.exc.NoSuchTableError as error:
        raise TransitionError(
            f"there is no table {transition.table!r}",
            migration=transition.name or None,
            hint="apply the expand first: migrator sync --expand-only"
            if "." not in transition.table
            else "the schema of a table stands apart: schema='…'",
        ) from error
    table = sa.Table(
        transition.table,
        sa.MetaData(),
        *(
            sa.Column(each["name"], _exact(each["type"]), nullable=each["nullable"])
            for each in found
        ),
        sa.PrimaryKeyConstraint(*key["constrained_columns"]),
        schema=transition.schema,
    )
    missing = [name for name in transition.columns if name not in table.c]
    if missing:
        raise TransitionError(
            f"table {transition.table!r} has no column {', '.join(map(repr, missing))}",
            migration=transition.name or None,
            hint="apply the expand first: migrator sync --expand-only",
        )
    return table


def _exact(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """Return *type_*, of a column, such that its values are read as they are.

    MySQL's floating numbers are reflected as ones that are read as rounded decimals.
    """
    if isinstance(type_, sa.Float):
        type_.asdecimal = False
    return type_


def key_of(transition: Transition, table: sa.Table) -> tuple[str, ...]:
    """Return the names of the columns that identify a row of *table*."""
    key = transition.key or tuple(column.name for column in table.primary_key.columns)
    if not key:
        raise TransitionError(
            f"table {table.name!r} has no primary key",
            migration=transition.name or None,
            hint="name a unique key that is never NULL: key=('column', …)",
        )
    return key


def move_in_sql(connection: Connection, transition: Columns, rows: Range) -> Moved:
    """Move a range in one UPDATE whose WHERE repeats the predicate of the transition."""
    table = rows.table
    lost = transition.lost(table)
    statement = (
        sa.update(table)
        .where(rows.within(), transition.movable(table), *([] if lost is None else [sa.not_(lost)]))
        .ordered_values(*((table.c[name], value) for name, value in transition.assign(table)))
    )
    completed = connection.execute(statement).rowcount
    if lost is None or completed >= rows.found:
        return Moved(completed=completed)
    return Moved(completed=completed, failures=_lost(connection, transition, rows, lost))


def _lost(
    connection: Connection, transition: Columns, rows: Range, lost: sa.ColumnElement[bool]
) -> tuple[Failure, ...]:
    """Return the rows whose value would become NULL: converting them would lose it."""
    found = connection.execute(
        sa.select(*rows.key_columns).where(rows.within(), transition.movable(rows.table), lost)
    )
    reason = "converting it gives NULL, which would lose the old value"
    return tuple(Failure(key=tuple(row), reason=reason) for row in found)
