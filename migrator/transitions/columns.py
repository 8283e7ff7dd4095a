"""Columns of one table that take over the values of others: most kinds of transition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from migrator.errors import TransitionError
from migrator.transitions.batch import move_in_python, move_in_sql
from migrator.transitions.transition import Expression, Moved, Row, Transition

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.transitions.batch import Range

OLD_COUNTS = 0
NEW_COUNTS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns(Transition):
    """Columns of a table that take over the values of other columns of the same row.

    Under *move* exactly one side holds the value. A source that is not NULL is an
    inbox: it counts, and is converted again whenever somebody fills it. Where the
    source may not be NULL, the *marker* column says which side counts (0 the source,
    1 the target). Without sources, a target that is NULL is what is pending.
    """

    from_: tuple[str, ...] = ()
    up: Mapping[str, Expression] = field(default_factory=dict)
    """Target → how its value is made from the row."""
    down: Mapping[str, Expression] | None = None
    """Source → how its value is made from the row in its new form."""
    marker: str | None = None
    also_reads: tuple[str, ...] = ()
    """Columns beside the sources that the expressions in Python use."""
    types: Mapping[str, Any] = field(default_factory=dict)
    """Source → its SQLAlchemy type, for converters whose model no longer declares it."""
    null_ok: bool = False
    """A value may become NULL by its conversion."""
    filler: Any = None
    """What new rows have in a source that may not be NULL, where *down* gives nothing."""
    identity: bool = False
    """The target takes the source's value as it is."""

    def __post_init__(self) -> None:
        both = set(self.from_) & set(self.up)
        if both:
            raise TransitionError(f"{min(both)!r} is both source and target")
        if not self.up:
            raise TransitionError(f"no target column is named for table {self.table!r}")

    @property
    @override
    def sources(self) -> tuple[str, ...]:
        return self.from_

    @property
    @override
    def targets(self) -> tuple[str, ...]:
        return tuple(self.up)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        marker = (self.marker,) if self.marker else ()
        return (*self.from_, *self.up, *marker, *self.also_reads)

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that a conversion in Python is given, and that are compared when it writes."""
        return (*self.from_, *self.also_reads)

    @property
    def in_sql(self) -> bool:
        """Whether the database itself can convert."""
        return all(expression.sql is not None for expression in self.up.values())

    @override
    def pending(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        if self.marker is not None:
            return table.c[self.marker] == sa.literal_column(str(OLD_COUNTS))
        if not self.from_:
            return sa.or_(*(table.c[name].is_(None) for name in self.up))
        return sa.or_(*(table.c[name].is_not(None) for name in self.from_))

    def lost(self, table: sa.FromClause) -> sa.ColumnElement[bool] | None:
        """Return the predicate of pending rows whose conversion would lose the value."""
        if self.identity or self.null_ok:
            return None
        if not self.from_:
            return sa.or_(
                *(
                    sa.and_(table.c[name].is_(None), made.column(table).is_(None))
                    for name, made in self.up.items()
                )
            )
        every = sa.and_(*(made.column(table).is_(None) for made in self.up.values()))
        if self.marker is None:
            return every
        # A source that is NULL although it may not be: there is nothing to lose.
        return sa.and_(sa.or_(*(table.c[name].is_not(None) for name in self.from_)), every)

    def value(self, table: sa.FromClause, target: str) -> sa.ColumnElement[Any]:
        """Return what a reader sees in *target*, whichever side of the row counts."""
        now = table.c[target]
        made = self._as_stored(self.up[target].column(table), now.type)
        if not self.from_:
            return sa.type_coerce(sa.func.coalesce(now, made), now.type)
        counts = self.pending(table)
        if (lost := self.lost(table)) is not None:
            counts = sa.and_(counts, sa.not_(lost))
        return sa.type_coerce(sa.case((counts, made), else_=now), now.type)

    def _as_stored(
        self, made: sa.ColumnElement[Any], type_: sa.types.TypeEngine[Any]
    ) -> sa.ColumnElement[Any]:
        """Return *made* rounded as the column will round it, where it is of another type."""
        if self.identity or not isinstance(type_, sa.Numeric) or isinstance(type_, sa.Float):
            return made
        return sa.cast(made, type_)

    def assign(self, table: sa.FromClause) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
        """Yield column and value of the UPDATE that moves a pending row.

        Targets come before what clears the source: MySQL reads, on the right of an
        assignment, what an earlier one of the same statement wrote.
        """
        for name, made in self.up.items():
            value = made.column(table)
            if not self.from_:
                value = sa.func.coalesce(table.c[name], value)
            yield name, value
        yield from self.clear(table)

    def clear(self, table: sa.FromClause) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
        """Yield the assignments that say that the target counts from now on."""
        if self.marker is not None:
            yield self.marker, sa.literal_column(str(NEW_COUNTS))
            return
        for name in self.from_:
            yield name, sa.null()

    def convert(self, row: Row) -> dict[str, Any]:
        """Return the new values of a pending *row*, computed in Python."""
        missing = [name for name, made in self.up.items() if made.python is None]
        if missing:
            raise TransitionError(f"{missing[0]!r} has no expression for Python")
        return {name: _call(made.python, row) for name, made in self.up.items()}

    def is_pending(self, row: Row) -> bool:
        """Return whether *row*, as values in Python, still needs this transition."""
        if self.marker is not None:
            return bool(getattr(row, self.marker) == OLD_COUNTS)
        if not self.from_:
            return any(getattr(row, name) is None for name in self.up)
        return any(getattr(row, name) is not None for name in self.from_)

    @override
    def move(self, connection: Connection, rows: Range) -> Moved:
        if self.in_sql:
            return move_in_sql(connection, self, rows)
        return move_in_python(connection, self, rows)


def _call(function: Callable[[Row], Any] | None, row: Row) -> object:
    """Return what *function* makes of *row*."""
    assert function is not None  # noqa: S101 - convert() has looked
    return function(row)
