"""A column that moves to another table, whose rows are found by a unique key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from migrator.transitions.batch import any_key, lock
from migrator.transitions.transition import Expression, Moved, Transition

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.transitions.batch import Range


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
    up: Expression

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

    @override
    def pending(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        return table.c[self.source].is_not(None)

    def value(self, table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return what a reader of *other* sees in the target, wherever the value is."""
        now = other.c[self.target]
        old = (
            sa.select(self.up.column(table))
            .where(self.matches(table, other), self.pending(table))
            .correlate_except(table)
            .scalar_subquery()
        )
        is_old = sa.exists().where(self.matches(table, other), self.pending(table))
        return sa.type_coerce(
            sa.case((is_old.correlate_except(table), old), else_=now), now.type
        )

    def matches(self, table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the predicate that a row of *other* belongs to a row of *table*."""
        return sa.and_(*(table.c[mine] == other.c[theirs] for mine, theirs in self.on.items()))

    @override
    def move(self, connection: Connection, rows: Range) -> Moved:
        keys = lock(connection, self, rows)
        if not keys:
            return Moved(completed=0)
        table, chosen = rows.table, any_key(rows.key_columns, keys)
        other = sa.table(
            self.other,
            sa.column(self.target, table.c[self.source].type),
            *(sa.column(theirs, table.c[mine].type) for mine, theirs in self.on.items()),
            schema=self.schema,
        )
        connection.execute(self._insert_missing(table, other, chosen))
        connection.execute(
            sa.update(other)
            .values({self.target: self.up.column(table)})
            .where(self.matches(table, other), chosen)
        )
        emptied = sa.update(table).values({self.source: None}).where(chosen, self.pending(table))
        return Moved(completed=connection.execute(emptied).rowcount)

    def _insert_missing(
        self, table: sa.Table, other: sa.TableClause, chosen: sa.ColumnElement[bool]
    ) -> sa.Insert:
        """Return the INSERT of the rows of *other* that the chosen rows have not got."""
        there = sa.exists().where(self.matches(table, other)).correlate_except(other)
        missing = sa.select(*(table.c[mine] for mine in self.on)).where(chosen, sa.not_(there))
        names: Sequence[str] = list(self.on.values())
        return sa.insert(other).from_select(names, missing)
