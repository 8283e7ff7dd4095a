"""A transition: one movement of data, declared once and read as converter, batch and guard."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from migrator.errors import TransitionError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.transitions.batch import Range


class Named(Protocol):
    """Anything that gives values, or columns, by their names."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value, or the column, called *name*."""


class Row:
    """What an expression is given: a row's values in Python, a table's columns in SQL.

    `row.memory_mb` and `row["memory_mb"]` are the same.
    """

    __slots__ = ("__of",)

    def __init__(self, of: Named) -> None:
        self.__of = of

    def __getitem__(self, name: str) -> Any:
        return self.__of[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__of[name]
        except KeyError:
            raise AttributeError(f"there is no column {name!r}") from None


READ_ELSEWHERE = "migrator"
"""Key of Table.info: columns of other tables, as 'table.column', that converters read."""

Predicate = Callable[[Row], "sa.ColumnElement[bool]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """How a value is made from a row: in SQL, in Python, or in both."""

    sql: Callable[[Row], Any] | None = None
    python: Callable[[Row], Any] | None = None

    def __post_init__(self) -> None:
        if self.sql is None and self.python is None:
            raise TransitionError(
                "an expression needs sql, python or one function that serves as both"
            )

    def column(
        self, row: Row, type_: sa.types.TypeEngine[Any] | None = None
    ) -> sa.ColumnElement[Any]:
        """Return the expression over the columns in *row*; a constant is one of *type_*."""
        if self.sql is None:
            raise TransitionError(
                "this transition is converted in Python only, SQL cannot compute its value",
                hint="give sql= beside python=, or filter and sort after loading",
            )
        try:
            made = self.sql(row)
        except (AttributeError, TypeError, KeyError) as error:
            raise TransitionError(
                f"the expression cannot be read as SQL: {error}",
                hint="give the pair sql=… and python=… where one function cannot be both",
            ) from error
        return made if isinstance(made, sa.ColumnElement) else sa.literal(made, type_)

    def value(self, row: Row) -> Any:
        """Return what Python makes of the values in *row*."""
        if self.python is None:
            raise TransitionError(
                "this transition is converted in SQL only, Python cannot compute its value",
                hint="give python= beside sql=",
            )
        return self.python(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One row that could not be converted, and why; the reason holds no row data."""

    key: tuple[Any, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of the rows of one batch."""

    completed: int
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One movement of data, from the place where it was to the place where it shall be.

    Subclass it for a kind of your own: *pending* is what the batch, the converter and
    the guard agree on, *move* carries the pending rows of one range to their new place.
    """

    table: str
    """Table that owns the rows."""
    schema: str | None = None
    name: str = ""
    """Name of the variable that declares it; the loader of migrations sets it."""
    key: tuple[str, ...] = ()
    """Columns that identify a row; its primary key when empty."""
    skip: Predicate | None = field(default=None, repr=False)
    """Rows in a transitional state, that are left for later."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Columns of the table that hold the old value and that a contract drops."""
        return ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Columns that hold the new value; 'table.column' when they are of another table."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table that the statements of this transition name."""
        return ()

    @property
    def tables(self) -> frozenset[str]:
        """Every table that this transition reads or writes."""
        return frozenset({self.table})

    @property
    def largest_batch(self) -> int | None:
        """Rows that one batch can hold; None when only the time that it takes is a limit."""
        return None

    @abstractmethod
    def pending(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the predicate of the rows of *table* that still need this transition."""
        raise NotImplementedError

    def skipped(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the predicate of rows in a transitional state; it is never NULL."""
        if self.skip is None:
            return sa.false()
        try:
            skip = self.skip(Row(table.c))
        except AttributeError as error:
            raise TransitionError(f"skip= of {self.table!r} cannot be read: {error}") from error
        return sa.case((skip, 1), else_=0) == 1

    def movable(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the predicate of the rows that a batch may take now."""
        if self.skip is None:
            return self.pending(table)
        return sa.and_(self.pending(table), sa.not_(self.skipped(table)))

    @abstractmethod
    def move(self, connection: Connection, rows: Range) -> Moved:
        """Move the movable rows of the range *rows* in the transaction of *connection*."""
        raise NotImplementedError


def as_stored(
    made: sa.ColumnElement[Any], type_: sa.types.TypeEngine[Any]
) -> sa.ColumnElement[Any]:
    """Return *made* rounded as a column of *type_* will round it."""
    if not isinstance(type_, sa.Numeric) or isinstance(type_, sa.Float):
        return made
    return sa.cast(made, type_)
