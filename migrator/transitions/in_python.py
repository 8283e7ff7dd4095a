"""A batch through Python: rows are read, converted, and written where they still are as read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator.errors import TransitionError
from migrator.transitions.transition import Failure, Moved, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from migrator.transitions.batch import Range
    from migrator.transitions.columns import Columns

Values = tuple[Any, ...]

ROWS_PER_STATEMENT = 250
"""Rows that one UPDATE of computed values writes: SQLite takes 500 terms in a UNION."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row: its key, what was read of it, and what was made of that."""

    key: Values
    seen: Values
    made: Values


def move_in_python(connection: Connection, transition: Columns, rows: Range) -> Moved:
    """Read a range, convert each row, and write it where it is still what was read."""
    failures: list[Failure] = []
    changes: list[Change] = []
    for key, seen, row in _read(connection, transition, rows):
        made = _converted(transition, row)
        if isinstance(made, str):
            failures.append(Failure(key=key, reason=made))
        else:
            new = tuple(made[name] for name in transition.targets)
            changes.append(Change(key=key, seen=seen, made=new))
    completed = sum(
        _compare_and_set(connection, transition, rows, changes[start : start + ROWS_PER_STATEMENT])
        for start in range(0, len(changes), ROWS_PER_STATEMENT)
    )
    return Moved(completed=completed, failures=tuple(failures))


def _read(
    connection: Connection, transition: Columns, rows: Range
) -> Iterator[tuple[Values, Values, Row]]:
    """Yield the key of each movable row, what is compared of it, and what is converted."""
    names = transition.reads
    seen = [_compared(rows.table.c[name]) for name in names]
    values = [_typed(transition, rows.table.c[name]) for name in names]
    query = sa.select(
        *rows.key_columns,
        *(column.label(f"seen_{name}") for name, column in zip(names, seen, strict=True)),
        *(column.label(f"value_{name}") for name, column in zip(names, values, strict=True)),
    ).where(rows.within(), transition.movable(rows.table))
    keys, last = len(rows.key), len(rows.key) + len(names)
    for row in connection.execute(query).all():
        found = tuple(row)
        yield found[:keys], found[keys:last], Row(dict(zip(names, found[last:], strict=True)))


def _compared(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return what of *column* is compared: of a document its text, which has many spellings."""
    return sa.cast(column, sa.Text) if isinstance(column.type, sa.JSON) else column


def _typed(transition: Columns, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return *column* of the type that the transition says, where the database has another."""
    return sa.type_coerce(column, _type_of(transition, column))


def _type_of(transition: Columns, column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    """Return the type of *column* in the models, as far as the transition says it."""
    return sa.types.to_instance(transition.types.get(column.name, column.type))


def _converted(transition: Columns, row: Row) -> Mapping[str, Any] | str:
    """Return the new values of *row*, or the reason why it cannot be converted."""
    try:
        made = transition.convert(row)
    except TransitionError:
        raise  # it concerns every row
    except Exception as error:
        # The converter is the user's: whatever it raises concerns this row only, and
        # its text may hold the row's data.
        return f"the converter raised {type(error).__name__}"
    if not transition.null_ok and all(value is None for value in made.values()):
        return "converting it gives NULL, which would lose the old value"
    return made


def _compare_and_set(
    connection: Connection, transition: Columns, rows: Range, changes: Sequence[Change]
) -> int:
    """Write *changes*, each only where its row is still pending and as it was read."""
    table = rows.table
    values = _values(transition, rows, changes)
    statement = (
        sa.update(table)
        .where(
            *(table.c[name] == values.c[f"key_{name}"] for name in rows.key),
            transition.movable(table),
            *(
                rows.dialect.same(_compared(table.c[name]), values.c[f"seen_{name}"])
                for name in transition.reads
            ),
        )
        .ordered_values(
            *((table.c[name], values.c[f"made_{name}"]) for name in transition.targets),
            *((table.c[name], value) for name, value in transition.clear()),
        )
    )
    # SQLAlchemy keeps what it compiles: not for each number of rows that a batch may end with.
    kept = {} if len(changes) == ROWS_PER_STATEMENT else {"compiled_cache": None}
    return connection.execute(statement, execution_options=kept).rowcount


def _literal(value: Any, type_: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """Return *value* as SQL; of bytes it is said that they are, MariaDB takes them for text."""
    literal = sa.literal(value, type_)
    stored = getattr(type_, "impl", type_)
    binary = isinstance(value, bytes) or isinstance(stored, sa.LargeBinary)
    return sa.cast(literal, sa.LargeBinary) if binary else literal


def _values(transition: Columns, rows: Range, changes: Sequence[Change]) -> sa.FromClause:
    """Return keys, seen and made values as a derived table that the database takes."""
    columns = rows.table.c
    types = {
        **{f"key_{name}": columns[name].type for name in rows.key},
        **{f"seen_{name}": _compared(columns[name]).type for name in transition.reads},
        **{f"made_{name}": _type_of(transition, columns[name]) for name in transition.targets},
    }
    first, *others = [(*change.key, *change.seen, *change.made) for change in changes]
    if rows.dialect.capabilities.typed_values:
        typed = tuple(
            sa.cast(value, type_) for value, type_ in zip(first, types.values(), strict=True)
        )
        named = (sa.column(label, type_) for label, type_ in types.items())
        return sa.values(*named, name="changes").data([typed, *others])
    return sa.union_all(*(_select(types, each) for each in (first, *others))).subquery("changes")


def _select(types: Mapping[str, sa.types.TypeEngine[Any]], values: Values) -> sa.Select[Any]:
    """Return *values* as a SELECT, each under its label."""
    literals = (
        (_literal(value, types[label]), label) for label, value in zip(types, values, strict=True)
    )
    return sa.select(*(literal.label(label) for literal, label in literals))
