"""The kinds of transition: each a function that declares one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

import sqlalchemy as sa

from migrator.errors import TransitionError
from migrator.transitions.columns import Columns
from migrator.transitions.free import Free
from migrator.transitions.relocate import Relocate
from migrator.transitions.transition import (
    Expression,
    Predicate,
    Row,
    Save,
    check_names,
    refuse_to_decide,
)

Made = Callable[[Row], Any] | Expression
"""How a value is made: one function for SQL and Python, or `expression(sql=…, python=…)`."""


class Options(TypedDict, total=False):
    """What every kind takes beside its own arguments."""

    schema: str
    key: tuple[str, ...]
    skip: Predicate


class MoveOptions(Options, total=False):
    """What every kind takes that empties a column of the same row."""

    marker: str
    also_reads: tuple[str, ...]
    types: Mapping[str, Any]
    null_ok: bool
    filler: Any


def expression(
    *, sql: Callable[[Row], Any] | None = None, python: Callable[[Row], Any] | None = None
) -> Expression:
    """Return how a value is made, where SQL and Python have to say it differently."""
    return Expression(sql=sql, python=python)


def rename(table: str, source: str, *, to: str, **options: Unpack[MoveOptions]) -> Columns:
    """Declare that column *source* of *table* is called *to* from now on.

    The value is moved: the old column becomes NULL. Where it may not be NULL, the expand
    adds a column `SMALLINT NOT NULL DEFAULT 0` and *marker* names it.
    """
    check_names("a name", (source, to))
    return Columns(
        table=table,
        from_=(source,),
        up={to: _column(source)},
        down={source: _column(to)},
        identity=True,
        **options,
    )


def retype(
    table: str,
    source: str,
    *,
    to: str,
    up: Made,
    down: Made | None = None,
    **options: Unpack[MoveOptions],
) -> Columns:
    """Declare that *source* becomes *to*, of another type or unit, by *up* (and back by *down*)."""
    check_names("a name", (source, to))
    return Columns(
        table=table,
        from_=(source,),
        up={to: _expression(up)},
        down=None if down is None else {source: _expression(down)},
        **options,
    )


def convert(
    table: str,
    sources: str | Sequence[str],
    *,
    to: Mapping[str, Made],
    down: Mapping[str, Made] | None = None,
    **options: Unpack[MoveOptions],
) -> Columns:
    """Declare that the columns *sources* become the columns of *to*, each made by an expression."""
    names = (sources,) if isinstance(sources, str) else tuple(sources)
    return Columns(
        table=table,
        from_=names,
        up={name: _expression(made) for name, made in to.items()},
        down=None if down is None else {name: _expression(made) for name, made in down.items()},
        **options,
    )


def split(
    table: str,
    source: str,
    *,
    to: Mapping[str, Made],
    down: Made | None = None,
    **options: Unpack[MoveOptions],
) -> Columns:
    """Declare that column *source* is split into the columns of *to*."""
    if not hasattr(to, "items") or len(to) < 2:  # noqa: PLR2004 - what a split is
        raise TransitionError(
            f"a split of {source!r} names at least two target columns, each with its expression"
        )
    return convert(table, source, to=to, down=None if down is None else {source: down}, **options)


def merge(
    table: str,
    sources: Sequence[str],
    *,
    to: str,
    up: Made,
    down: Mapping[str, Made] | None = None,
    **options: Unpack[MoveOptions],
) -> Columns:
    """Declare that the columns *sources* are merged into column *to*.

    *up* has to give a value whenever one of the sources has one: in SQL, NULL
    beside anything is NULL, so wrap what may be NULL in coalesce().
    """
    if isinstance(sources, str) or len(sources) < 2:  # noqa: PLR2004 - what a merge is
        raise TransitionError(f"a merge into {to!r} names at least two source columns")
    return convert(table, sources, to={to: up}, down=down, **options)


def fill(
    table: str,
    column: str,
    *,
    value: Made | Any,
    also_reads: tuple[str, ...] = (),
    **options: Unpack[Options],
) -> Columns:
    """Declare that the new *column* is filled where it is NULL, with a constant or an expression.

    The same row has to give the same value each time: a loaded object shows it before
    it is stored. The contract that follows sets the column NOT NULL.
    """
    if value is None:
        raise TransitionError(f"{column!r} cannot be filled with None, which stands for no value")
    made = value if isinstance(value, Expression) or callable(value) else _constant(value)
    return Columns(table=table, up={column: _expression(made)}, also_reads=also_reads, **options)


def repoint(  # noqa: PLR0913 - each is said by its name
    table: str,
    source: str,
    *,
    to: str,
    through: str,
    match: str = "id",
    take: str,
    **options: Unpack[MoveOptions],
) -> Columns:
    """Declare that the reference *source* is replaced by *to*.

    The row of table *through* whose column *match*, which is unique, is the old
    reference has the new one in its column *take*.
    """
    schema = options.get("schema")

    def look_up(row: Row) -> sa.ColumnElement[Any]:
        there = sa.table(through, sa.column(match), sa.column(take), schema=schema)
        # An alias, because the table that is looked up may be the table of the row.
        other = there.alias()
        found = sa.select(other.c[take]).where(other.c[match] == row[source])
        return found.correlate_except(other).scalar_subquery()

    return Columns(
        table=table,
        from_=(source,),
        up={to: Expression(sql=look_up)},
        through=(through,),
        **options,
    )


def move(
    table: str,
    source: str,
    *,
    to: str,
    on: Mapping[str, str],
    up: Made | None = None,
    **options: Unpack[Options],
) -> Relocate:
    """Declare that *source* of *table* moves to another table: *to* is 'table.column'.

    *on* says which row: column of *table* → column of the other table, which is unique
    there. A row that is missing in the other table is inserted.
    """
    check_names("a name", (source, to))
    other, _, target = to.rpartition(".")
    if not other:
        raise TransitionError(f"{to!r} names no table, expected 'table.column'")
    return Relocate(
        table=table,
        source=source,
        other=other,
        target=target,
        on=dict(on),
        up=_column(source) if up is None else _expression(up),
        identity=up is None,
        **options,
    )


def python(  # noqa: PLR0913 - each is said by its name
    table: str,
    *,
    pending: Predicate,
    move: Callable[..., None],
    writes: Sequence[str] = (),
    attribute: str | None = None,
    load: Expression | None = None,
    save: Save | None = None,
    **options: Unpack[Options],
) -> Free:
    """Declare a transition in a form of its own, moved by a function in Python.

    *pending* is given the columns of *table*. *move* is called with a connection and the
    keys of rows that are locked; it may call the database as it likes in that transaction.
    *writes* names the other tables that it reads or writes. With *attribute*, *load*
    and *save*, models of *table* show the value whichever format the row is in.
    """
    return Free(
        table=table,
        where=pending,
        function=move,
        others=tuple(writes),
        attribute=attribute,
        load=load,
        save=save,
        **options,
    )


def _column(name: str) -> Expression:
    """Return the expression that is column *name* as it is."""
    return _expression(lambda row: row[name])


def _constant(value: object) -> Expression:
    """Return the expression that is *value* for every row."""
    return _expression(lambda _row: value)


def _expression(made: Made) -> Expression:
    """Return *made* as the pair of its readings."""
    if isinstance(made, Expression):
        return made
    if not callable(made):
        raise TransitionError(
            f"{made!r} makes no value from a row", hint="write a function: lambda row: row.column"
        )
    refuse_to_decide("the function", made)
    return Expression(sql=made, python=made)
