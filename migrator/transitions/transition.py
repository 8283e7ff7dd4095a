"""A transition: one movement of data, declared once and read as converter, batch and guard."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from dis import get_instructions
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
        try:
            return self.__of[name]
        except KeyError:
            raise TransitionError(
                f"there is no column {name!r} to read",
                hint="columns have the names of the database; in Python, those of other columns "
                "than the sources stand in also_reads=",
            ) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by copy, pickle and the like
            raise AttributeError(name)
        return self[name]


class _Asked:
    """The columns of a row, and whether one of them was asked for."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.read = False

    def __getitem__(self, name: str) -> Any:
        self.read = True
        return self.row[name]


GIVE_THE_PAIR = "give the pair expression(sql=…, python=…): one function cannot be both here"

READ_ELSEWHERE = "migrator"
"""Key of Table.info: columns of other tables, as 'table.column', that converters read."""

Predicate = Callable[[Row], "sa.ColumnElement[bool]"]
Save = Callable[["Connection", Mapping[str, Any], Any], None]
"""It is called in the flush, with a connection, the values of the row, and the attribute's."""


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
        asked = _Asked(row)
        try:
            made = self.sql(Row(asked))
        except TransitionError:
            raise
        except Exception as error:
            raise TransitionError(
                f"the expression cannot be read as SQL: {error}", hint=GIVE_THE_PAIR
            ) from error
        if hasattr(made, "__clause_element__"):
            made = made.__clause_element__()
        if isinstance(made, sa.ColumnElement):
            return made
        if asked.read or isinstance(made, sa.ClauseElement):
            raise TransitionError(
                f"the expression reads columns, and is {type(made).__name__!r} in SQL, whatever "
                "is in them",
                hint=GIVE_THE_PAIR,
            )
        return sa.literal(made, type_)

    def value(self, row: Row) -> Any:
        """Return what Python makes of the values in *row*."""
        if self.python is None:
            raise TransitionError(
                "this transition is converted in SQL only, Python cannot compute its value",
                hint="give python= beside sql=",
            )
        made = self.python(row)
        if isinstance(made, sa.ClauseElement):
            raise TransitionError(
                f"the expression is SQL ({type(made).__name__}) where Python needs a value",
                hint=GIVE_THE_PAIR,
            )
        return made


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

    def __post_init__(self) -> None:
        check_names("key=", self.key)
        if self.skip is not None:
            refuse_to_decide("skip=", self.skip)

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
    def attribute(self) -> str | None:
        """Attribute in which models show the value; None when the kind leaves them alone."""
        return None

    @property
    def load(self) -> Expression | None:
        """How the attribute is loaded: *sql* selects from the table, *python* completes that."""
        return None

    @property
    def save(self) -> Save | None:
        """What writes a changed attribute in the new form, and clears the old one."""
        return None

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
        return sa.case((asked(self.skip, table, f"skip= of {self.table!r}"), 1), else_=0) == 1

    def movable(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the predicate of the rows that a batch may take now."""
        if self.skip is None:
            return self.pending(table)
        return sa.and_(self.pending(table), sa.not_(self.skipped(table)))

    @abstractmethod
    def move(self, connection: Connection, rows: Range) -> Moved:
        """Move the movable rows of the range *rows* in the transaction of *connection*."""
        raise NotImplementedError


def asked(predicate: Predicate, table: sa.FromClause, what: str) -> sa.ColumnElement[bool]:
    """Return the condition that *predicate* gives over the columns of *table*."""
    try:
        return Expression(sql=predicate).column(Row(table.c))
    except TransitionError as error:
        raise TransitionError(
            f"{what} is no condition: {error}",
            hint="write one over columns: lambda row: row.column.is_not(None); a new column is "
            "there when its expand is applied: migrator sync --expand-only",
        ) from error


def refuse_to_decide(what: str, function: Callable[[Row], Any]) -> None:
    """Raise TransitionError when *function*, read as SQL, asks whether something is true.

    A comparison of columns is no error there: Python takes it for a false one.
    """
    code = getattr(function, "__code__", None)
    if code is not None and any("_IF_" in each.opname for each in get_instructions(code)):
        raise TransitionError(
            f"{what} decides with if, and, or: SQL would be the same for every row",
            hint="write sa.case((condition, value), else_=…), sa.and_() and sa.or_(), in "
            "expression(sql=…, python=…) where Python has to say it differently",
        )


def check_names(what: str, names: object) -> None:
    """Raise TransitionError unless *names* are a tuple of texts."""
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise TransitionError(
            f"{what} is {names!r}, expected names of columns", hint="write a tuple: ('column',)"
        )


def as_stored(
    made: sa.ColumnElement[Any], type_: sa.types.TypeEngine[Any]
) -> sa.ColumnElement[Any]:
    """Return *made* rounded as a column of *type_* will round it."""
    if not isinstance(type_, sa.Numeric) or isinstance(type_, sa.Float):
        return made
    return sa.cast(made, type_)
