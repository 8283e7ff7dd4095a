"""What INSERT and UPDATE set the columns of a transition to that they do not name."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors

from migrator.dialects import DIALECTS, dialect_of
from migrator.errors import ConverterError
from migrator.transitions.columns import NEW_COUNTS, OLD_COUNTS, Columns
from migrator.transitions.converter.stored import OF, Stored, column_of, stored
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sqlalchemy.sql.compiler import SQLCompiler

    from migrator.transitions.transition import Expression, Named

Assignments = dict[str, sa.ColumnElement[Any]]
"""Column → what it is set to."""


class Order(Enum):
    """When the assignments of an UPDATE see what the others have written."""

    AT_ONCE = "never"
    LEFT_TO_RIGHT = "the later ones see the earlier ones"
    ANY = "nobody knows"


class Movement:
    """A transition in one table of the models: what goes along with a statement.

    Its expressions are made once, over stored columns. *old* are the columns that the
    table will be given.
    """

    def __init__(self, table: sa.Table, transition: Columns, *old: sa.Column[Any]) -> None:
        self.table = table
        self.transition = transition
        self.row = stored(table, *old)
        self.written = {  # columns that every UPDATE writes by themselves
            name for name in transition.targets if column_of(table, name).onupdate is not None
        }
        self.shown: dict[str, sa.ColumnElement[Any] | None] = {
            name: transition.value(self.row, name) if transition.in_sql else None
            for name in transition.targets
        }
        """What each target reads as; None where only Python can tell."""
        self.before = {
            name: self._before(name, made) for name, made in (transition.down or {}).items()
        }
        """What each source reads as whose old value can be computed; None as above."""
        self.stay = self._stay() if transition.in_sql else None

    def _before(self, source: str, down: Expression) -> sa.ColumnElement[Any] | None:
        """Return what *source* reads as: what *down* makes of the values that readers see."""
        if down.sql is None or not self.transition.in_sql:
            return None
        return down.column(Row(cast("Named", self.shown)), self.row.c[source].type)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that a statement may have to set."""
        old = () if self.transition.marker else self.transition.sources
        return (*self.transition.targets, *old, *self.transition.markers)

    def assigned(self, named: Collection[str], order: Order) -> Assignments:
        """Return what an UPDATE that names the columns *named* sets all of them to.

        A statement that writes the new side clears the old one. One that writes the old
        side, as old code does, is left to say what it says. Any other takes the conversion
        along.
        """
        told = self.written.union(named)
        if told.intersection(self.transition.targets):
            return self._new(told)
        if told.intersection(self.transition.sources):
            return self._as_is() | self._marked(OLD_COUNTS)
        if self._can_ride(told, order):
            return self._riding()
        return self._as_is()

    def named(self, compiler: SQLCompiler) -> frozenset[str]:
        """Return the columns of the table that the statement being compiled names itself."""
        # The last one, but for what INSERT … SELECT adds to its SELECT.
        depth, statement = next(
            (depth, entry["selectable"])
            for depth, entry in reversed(list(enumerate(compiler.stack)))
            if isinstance(entry["selectable"], (sa.Insert, sa.Update))
        )
        keys: list[Any] = list(said_by(statement))
        if depth == 0:
            keys += compiler.column_keys or ()
        return frozenset(self.names_of(keys))

    def names_of(self, keys: Iterable[Any]) -> Iterator[str]:
        """Yield the names of columns that are given by key or as they are."""
        for key in keys:
            if isinstance(key, sa.Column) and not self.table.c.contains_column(key):
                continue
            column = self.table.c.get(getattr(key, "key", key))
            if column is not None:
                yield column.name

    def _new(self, told: Collection[str]) -> Assignments:
        """Return the assignments beside those of some of the targets: the rest has to follow."""
        missing = [name for name in self.transition.targets if name not in told]
        if missing and not self.transition.in_sql:
            raise ConverterError(
                f"{self.table.name}.{missing[0]} is converted in Python, so that a statement "
                f"has to set {', '.join(self.transition.targets)} together",
                hint="set all of them, or load the objects and set the attribute",
            )
        values = {name: self.transition.value(self.row, name) for name in missing}
        return values | dict(self.transition.clear())

    def _as_is(self) -> Assignments:
        """Return the assignments that change nothing."""
        return {name: self.row.c[name] for name in self.names}

    def _marked(self, counts: int) -> Assignments:
        """Return the assignment that says which side counts, where there is a marker."""
        value = sa.literal_column(str(counts), sa.SmallInteger())
        return dict.fromkeys(self.transition.markers, value)

    def _riding(self) -> Assignments:
        """Return the assignments that convert the row as it is, unless it has to stay."""
        moved = {name: self._carried(name) for name in self.transition.targets}
        for name, value in self.transition.clear():
            kept = (
                value if self.stay is None else sa.case((self.stay, self.row.c[name]), else_=value)
            )
            moved[name] = kept
        return moved

    def _carried(self, name: str) -> sa.ColumnElement[Any]:
        """Return the new value of the target *name*, or the one it has."""
        now, made = self.row.c[name], self.transition.as_stored(self.row, name)
        if not self.transition.sources:
            made = sa.func.coalesce(now, made)
        moves = self.transition.pending(self.row)
        return sa.case(
            (moves if self.stay is None else sa.and_(moves, sa.not_(self.stay)), made), else_=now
        )

    def _stay(self) -> sa.ColumnElement[bool] | None:
        """Return the predicate of rows that a statement about something else leaves alone."""
        lost, skip = self.transition.lost(self.row), self.transition.skip
        found = [] if lost is None else [lost]
        if skip is not None:
            found.append(self.transition.skipped(self.row))
        return sa.or_(*found) if found else None

    def _can_ride(self, told: Collection[str], order: Order) -> bool:
        """Return whether the conversion means the same in whatever order it is assigned.

        What stays is asked again where a source is cleared. In between, the statement may
        have changed what the answer depends on.
        """
        if not self.transition.in_sql or order is Order.ANY:
            return False
        if self.stay is None or order is Order.AT_ONCE:
            return True
        several = len(self.transition.sources) > 1 and not self.transition.marker
        ours = {*self.transition.columns} - {*self.transition.also_reads}
        return not several and not (_read_by(self.stay) - ours).intersection(told)


def said_by(statement: Any) -> Iterator[Any]:
    """Yield the columns that an INSERT or UPDATE has values for, by key or as they are."""
    yield from statement._values or ()  # noqa: SLF001 - it is nowhere else
    yield from (key for key, _ in getattr(statement, "_ordered_values", None) or ())
    yield from getattr(statement, "_select_names", None) or ()
    for rows in getattr(statement, "_multi_values", ()):
        first = rows[0]
        yield from first if isinstance(first, dict) else statement.table.c[: len(first)]


def _read_by(made: sa.ColumnElement[Any]) -> set[str]:
    """Return the names of the stored columns in *made*."""
    return {each.name for each in visitors.iterate(made) if isinstance(each, Stored)}


def order_of(compiler: SQLCompiler, *, tables: int) -> Order:
    """Return in what order an UPDATE of so many *tables* carries out its assignments."""
    if compiler.dialect.name not in {each.sqlalchemy for each in DIALECTS}:
        return Order.AT_ONCE
    if not dialect_of(compiler.dialect).capabilities.ordered_assignments:
        return Order.AT_ONCE
    return Order.ANY if tables > 1 else Order.LEFT_TO_RIGHT


class Assigned(sa.ColumnElement[Any]):
    """What an UPDATE sets a column to that it does not name."""

    inherit_cache = False

    def __init__(self, movement: Movement, column: sa.Column[Any]) -> None:
        self.movement = movement
        self.name = column.name
        self.type = column.type


@compiles(Assigned)
def _assigned(element: Assigned, compiler: SQLCompiler, **options: Any) -> str:
    movement = element.movement
    order = order_of(compiler, tables=len(compiler.stack[-1]["correlate_froms"]))
    made = movement.assigned(movement.named(compiler), order)[element.name]
    return compiler.process(made, **{**options, OF: movement.table})


class Marked(sa.ColumnElement[Any]):
    """What an INSERT sets the marker to: which side it has values for."""

    inherit_cache = False
    type = sa.SmallInteger()

    def __init__(self, movement: Movement) -> None:
        self.movement = movement


@compiles(Marked)
def _marked(element: Marked, compiler: SQLCompiler, **_options: Any) -> str:
    transition = element.movement.transition
    named = element.movement.named(compiler)
    old = named.intersection(transition.sources) and not named.intersection(transition.targets)
    return str(OLD_COUNTS if old else NEW_COUNTS)


def movements_of(table: sa.FromClause) -> list[Movement]:
    """Return what goes along with the statements of *table*."""
    made = (getattr(column.onupdate, "arg", None) for column in table.columns)
    return list(dict.fromkeys(each.movement for each in made if isinstance(each, Assigned)))
