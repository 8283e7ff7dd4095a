"""A column that moves to another table, whose rows are found by a unique key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from migrator.errors import TransitionError
from migrator.transitions.batch import MOST_KEYS, any_key, lock
from migrator.transitions.transition import (
    Expression,
    Failure,
    Moved,
    Row,
    Transition,
    as_stored,
    check_names,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from migrator.transitions.batch import Range
    from migrator.transitions.keys import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocate(Transition):
    """A column whose value moves to a column of another table.

    The rows of a batch are locked first: three statements that each looked for
    themselves would clear values that came between them.
    """

    source: str
    other: str
    target: str
    on: Mapping[str, str]
    """Column of the table → column of the other one; both sides are unique."""
    up: Expression
    identity: bool = False
    """The target takes the source's value as it is."""

    @override
    def __post_init__(self) -> None:
        Transition.__post_init__(self)
        check_names("the source", (self.source,))
        if self.other == self.table:
            raise TransitionError(
                f"{self.source!r} would move to its own table {self.table!r}",
                hint="declare it as a rename or a conversion",
            )
        if not self.on:
            raise TransitionError(f"no column says which row of {self.other!r} it is")

    @property
    @override
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    @override
    def targets(self) -> tuple[str, ...]:
        return (f"{self.other}.{self.target}",)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return (self.source, *self.on)

    @property
    @override
    def tables(self) -> frozenset[str]:
        return frozenset({self.table, self.other})

    @property
    @override
    def largest_batch(self) -> int:
        return MOST_KEYS

    @override
    def pending(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        return table.c[self.source].is_not(None)

    def lost(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the predicate of rows that have no other row, or whose value would be lost."""
        nowhere = [table.c[mine].is_(None) for mine in self.on]
        if self.identity:
            return sa.or_(*nowhere)
        return sa.or_(*nowhere, self.up.column(Row(table.c)).is_(None))

    def value(self, table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return what a reader of *other* sees in the target, wherever the value is."""
        now = other.c[self.target]
        counts = sa.and_(self.matches(table, other), self.pending(table), ~self.lost(table))
        made = self.up.column(Row(table.c), now.type)
        old = sa.select(made if self.identity else as_stored(made, now.type)).where(counts)
        is_old = sa.exists().where(counts)
        return sa.type_coerce(
            sa.case(
                (
                    is_old.correlate_except(table),
                    old.correlate_except(table).scalar_subquery(),
                ),
                else_=now,
            ),
            now.type,
        )

    def matches(self, table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the predicate that a row of *other* belongs to a row of *table*."""
        return sa.and_(*(table.c[mine] == other.c[theirs] for mine, theirs in self.on.items()))

    @override
    def move(self, connection: Connection, rows: Range) -> Moved:
        self._look(connection, rows)
        keys = lock(connection, self, rows)
        failures = self._failures(connection, rows, keys)
        failed = {failure.key for failure in failures}
        movable = [key for key in keys if key not in failed]
        if not movable:
            return Moved(completed=0, failures=failures)
        table, chosen = rows.table, any_key(rows.key_columns, movable)
        other = sa.table(
            self.other,
            sa.column(self.target),
            *(sa.column(theirs, table.c[mine].type) for mine, theirs in self.on.items()),
            schema=self.schema,
        )
        connection.execute(self._insert_missing(table, other, chosen))
        connection.execute(
            sa.update(other)
            .values({self.target: self.up.column(Row(table.c))})
            .where(self.matches(table, other), chosen)
        )
        emptied = sa.update(table).values({self.source: sa.null()}).where(chosen)
        return Moved(completed=connection.execute(emptied).rowcount, failures=failures)

    def _look(self, connection: Connection, rows: Range) -> None:
        """Refuse a key that two rows may share: one of their values would be lost."""
        mine = set(self.on)
        if set(rows.key) <= mine or set(rows.table.primary_key.columns.keys()) <= mine:
            return
        inspector = sa.inspect(connection)
        unique: list[Sequence[str | None]] = [
            each["column_names"]
            for each in inspector.get_unique_constraints(self.table, schema=self.schema)
        ]
        unique += [
            each["column_names"]
            for each in inspector.get_indexes(self.table, schema=self.schema)
            if each["unique"]
        ]
        if not any(columns and set(columns) <= mine for columns in unique):
            raise TransitionError(
                f"rows of {self.table!r} may share {', '.join(map(repr, self.on))}",
                migration=self.name or None,
                hint="a value moves to the row of its own: give on= a unique key",
            )

    def _failures(
        self, connection: Connection, rows: Range, keys: Sequence[Key]
    ) -> tuple[Failure, ...]:
        """Return which of the locked rows *keys* cannot be moved."""
        if not keys:
            return ()
        found = connection.execute(
            sa.select(*rows.key_columns).where(
                any_key(rows.key_columns, keys), self.lost(rows.table)
            )
        )
        reason = f"it belongs to no row of {self.other!r}, or converting it gives NULL"
        return tuple(Failure(key=tuple(row), reason=reason) for row in found)

    def _insert_missing(
        self, table: sa.Table, other: sa.TableClause, chosen: sa.ColumnElement[bool]
    ) -> sa.Insert:
        """Return the INSERT of the rows of *other* that the chosen rows have not got."""
        there = sa.exists().where(self.matches(table, other)).correlate_except(other)
        missing = sa.select(*(table.c[mine] for mine in self.on)).where(chosen, sa.not_(there))
        return sa.insert(other).from_select(list(self.on.values()), missing)
