"""Sessions of the runner in a database of which the code under test may have made anything.

No function, view or operator of that code may run with the rights of a superuser: what a
superuser asks is the server's own catalogue, by its full name; what looks at tables has the
rights of an application.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.engine import Connection, CursorResult, Row


class Session:
    """One connection, opened when it is first used, where each statement commits by itself."""

    def __init__(self, url: sa.URL | str, *, first: Sequence[str] = ()) -> None:
        self._engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._first = tuple(first)
        self._connection: Connection | None = None
        self._lock = threading.RLock()

    @property
    def connection(self) -> Connection:
        """The connection, after the statements that come first in it."""
        if self._connection is None:
            self._connection = self._engine.connect()
            for each in self._first:
                self.send(each)
        return self._connection

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Return what *query* finds; threads take turns."""
        with self._lock:
            return self.connection.execute(sa.text(query), values or {}).all()

    def let_in(self, *statements: str, busy: Collection[object], after: str = "") -> bool:
        """Send *statements*; return whether none failed with a code of *busy*.

        *after* is sent in both cases, to let go of what was locked.
        """
        try:
            self.do(*statements)
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                self.do(*filter(None, [after]))
            if code_of(error) not in busy:
                raise
            return False
        self.do(*filter(None, [after]))
        return True

    def do(self, *statements: str) -> None:
        """Send *statements*, and read nothing."""
        for each in statements:
            self.send(each)

    def send(self, statement: str) -> CursorResult[Any]:
        """Send *statement* as it is: neither `%` nor `:` means anything in it."""
        return self.connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
        self._engine.dispose()


def code_of(error: sa.exc.DBAPIError) -> object:
    """Return the code of what the server refused: SQLSTATE, or its own number."""
    driver: Any = error.orig
    return getattr(driver, "pgcode", None) or next(iter(driver.args), None)
