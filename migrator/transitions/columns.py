"""Columns of one table that take over the values of others: most kinds of transition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from migrator.errors import TransitionError
from migrator.transitions.batch import move_in_sql
from migrator.transitions.in_python import move_in_python
from migrator.transitions.transition import (
    Expression,
    Moved,
    Row,
    Transition,
    as_stored,
    check_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """Column that says which side counts, where the source may not be NULL."""
    also_reads: tuple[str, ...] = ()
    """Columns beside the sources that the expressions in Python use."""
    through: tuple[str, ...] = ()
    """Other tables that the expressions read."""
    types: Mapping[str, Any] = field(default_factory=dict)
    """Column → its SQLAlchemy type: of a source, because no model declares it any more;
    of any, where Python has something else than the type that the database tells."""
    null_ok: bool = False
    """A value may become NULL by its conversion; otherwise such a row is not moved."""
    filler: Any = None
    """What new rows have in a source that may not be NULL, where *down* gives nothing."""
    identity: bool = False
    """The target takes the source's value as it is."""

    @override
    def __post_init__(self) -> None:
        Transition.__post_init__(self)  # super() is another class, because of the slots
        check_names("the source", self.from_)
        check_names("the target", self.targets)
        check_names("marker=", self.markers)
        check_names("also_reads=", self.also_reads)
        for name, type_ in self.types.items():
            if not isinstance(sa.types.to_instance(type_), sa.types.TypeEngine):
                raise TransitionError(
                    f"the type of {name!r} is {type_!r}, expected one of SQLAlchemy"
                )
        both = set(self.from_) & set(self.up)
        if both:
            raise TransitionError(f"{min(both)!r} is both source and target")
        if not self.up:
            raise TransitionError(f"no target column is named for table {self.table!r}")
        if self.marker is not None and not self.from_:
            raise TransitionError(f"marker {self.marker!r} has no source to speak of")
        if unknown := set(self.down or {}) - set(self.from_):
            raise TransitionError(f"{min(unknown)!r} is no source of table {self.table!r}")
        if unknown := set(self.types) - set(self.columns):
            raise TransitionError(f"{min(unknown)!r} has a type, but no part in the transition")

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
        return (*self.from_, *self.up, *self.markers, *self.also_reads)

    @property
    @override
    def tables(self) -> frozenset[str]:
        return frozenset({self.table, *self.through})

    @property
    def markers(self) -> tuple[str, ...]:
        """The marker, if there is one."""
        return () if self.marker is None else (self.marker,)

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

    def made(self, table: sa.FromClause, target: str) -> sa.ColumnElement[Any]:
        """Return the new value of *target*, in SQL."""
        try:
            return self.up[target].column(Row(table.c), table.c[target].type)
        except TransitionError as error:
            message = f"{self.table}.{target}: {error}"
            raise TransitionError(message, hint=error.hint) from error

    def lost(self, table: sa.FromClause) -> sa.ColumnElement[bool] | None:
        """Return the predicate of rows whose conversion would lose the value.

        It is true of a row all of whose new values would be NULL. Such a row is set apart
        by the batches, and readers see what its targets hold. None when there can be no
        such rows, or when *null_ok* says that they may be moved.
        """
        if self.identity or self.null_ok:
            return None
        if not self.from_:
            return sa.or_(
                *(
                    sa.and_(table.c[name].is_(None), self.made(table, name).is_(None))
                    for name in self.up
                )
            )
        every = sa.and_(*(self.made(table, name).is_(None) for name in self.up))
        if self.marker is None:
            return every
        # A source that is NULL although it may not be: there is nothing to lose.
        return sa.and_(sa.or_(*(table.c[name].is_not(None) for name in self.from_)), every)

    def value(self, table: sa.FromClause, target: str) -> sa.ColumnElement[Any]:
        """Return what a reader sees in *target*, whichever side of the row counts."""
        now = table.c[target]
        made = self.as_stored(table, target)
        if not self.from_:
            return sa.type_coerce(sa.func.coalesce(now, made), now.type)
        counts = self.pending(table)
        if (lost := self.lost(table)) is not None:
            counts = sa.and_(counts, sa.not_(lost))
        return sa.type_coerce(sa.case((counts, made), else_=now), now.type)

    def as_stored(self, table: sa.FromClause, target: str) -> sa.ColumnElement[Any]:
        """Return the new value of *target* as its column will hold it."""
        made = self.made(table, target)
        return made if self.identity else as_stored(made, table.c[target].type)

    def assign(self, table: sa.FromClause) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
        """Yield column and value of the UPDATE that moves a pending row.

        Targets come before what clears the source: MySQL reads, on the right of an
        assignment, what an earlier one of the same statement wrote.
        """
        for name in self.up:
            value = self.made(table, name)
            if not self.from_:
                value = sa.func.coalesce(table.c[name], value)
            yield name, value
        yield from self.clear()

    def clear(self) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
        """Yield the assignments that say that the target counts from now on."""
        if self.marker is not None:
            yield self.marker, sa.literal_column(str(NEW_COUNTS), sa.SmallInteger())
            return
        for name in self.from_:
            yield name, sa.null()

    def convert(self, row: Row) -> dict[str, Any]:
        """Return the new values of a pending *row*, computed in Python."""
        return {name: made.value(row) for name, made in self.up.items()}

    def is_pending(self, row: Row) -> bool:
        """Return whether *row*, as values in Python, still needs this transition."""
        if self.marker is not None:
            return bool(row[self.marker] == OLD_COUNTS)
        if not self.from_:
            return any(row[name] is None for name in self.up)
        return any(row[name] is not None for name in self.from_)

    @override
    def move(self, connection: Connection, rows: Range) -> Moved:
        if self.in_sql:
            return move_in_sql(connection, self, rows)
        return move_in_python(connection, self, rows)
