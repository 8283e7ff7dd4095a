"""A transition in a form of its own: a predicate, and a function that moves rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from migrator.dialects import is_about_a_row
from migrator.errors import TransitionError, describe_database_error
from migrator.transitions.batch import MOST_KEYS, any_key, lock
from migrator.transitions.transition import (
    Expression,
    Failure,
    Moved,
    Predicate,
    Row,
    Transition,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.transitions.batch import Range
    from migrator.transitions.keys import Key

Load = Expression
"""sql: the columns of the table → what to select; python: what was selected → the value."""
Save = Callable[["Connection", Mapping[str, Any], Any], None]
"""Write a value in the new form, and clear the old one: connection, row's values, value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Free(Transition):
    """Rows that a function of the user moves, in the transaction of the batch."""

    where: Predicate = field(repr=False)
    function: Callable[[Connection, Sequence[Key]], None] = field(repr=False)
    others: tuple[str, ...] = ()
    attribute: str | None = None
    load: Load | None = field(default=None, repr=False)
    save: Save | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        given = [part is not None for part in (self.attribute, self.load, self.save)]
        if any(given) and not all(given):
            raise TransitionError("attribute, load and save are given together or not at all")

    @property
    @override
    def tables(self) -> frozenset[str]:
        return frozenset({self.table, *self.others})

    @property
    @override
    def largest_batch(self) -> int:
        return MOST_KEYS

    @override
    def pending(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        try:
            return self.where(Row(table.c))
        except (AttributeError, KeyError) as error:
            raise TransitionError(
                f"pending= of {self.table!r} cannot be read: {error}",
                migration=self.name or None,
                hint="apply the expand first: migrator sync --expand-only",
            ) from error

    @override
    def move(self, connection: Connection, rows: Range) -> Moved:
        keys = lock(connection, self, rows)
        if not keys:
            return Moved(completed=0)
        if self._call(connection, keys, rows.dialect) is None:
            return self._after(connection, rows, keys, ())
        failures = [
            Failure(key=key, reason=reason)
            for key in keys
            if (reason := self._call(connection, [key], rows.dialect)) is not None
        ]
        return self._after(connection, rows, keys, failures)

    def _call(self, connection: Connection, keys: Sequence[Key], dialect: Dialect) -> str | None:
        """Move *keys* in a savepoint; return why it failed, or None."""
        try:
            with connection.begin_nested():
                self.function(connection, keys)
        except sa.exc.SQLAlchemyError as error:
            if not is_about_a_row(dialect, error):
                raise
            return describe_database_error(error)
        except Exception as error:
            # The function is the user's: what it raises concerns these rows only, and
            # its text may hold their data.
            return f"the function raised {type(error).__name__}"
        return None

    def _after(
        self,
        connection: Connection,
        rows: Range,
        keys: Sequence[Key],
        failures: Sequence[Failure],
    ) -> Moved:
        """Return what the database says became of *keys*: the predicate is the proof."""
        still = connection.execute(
            sa.select(*rows.key_columns).where(
                any_key(rows.key_columns, keys), self.pending(rows.table)
            )
        ).all()
        failed = {failure.key for failure in failures}
        left = tuple(
            Failure(key=tuple(row), reason="the function left the row pending")
            for row in still
            if tuple(row) not in failed
        )
        return Moved(completed=len(keys) - len(still), failures=(*failures, *left))
