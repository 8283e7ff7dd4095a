"""Sessions: the connections of a contract, each with a limit to its waiting."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.patience import Task
from migrator.session import begin_for_real

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine

    from migrator.patience import Patience

Result = TypeVar("Result")


@contextmanager
def wrapped(engine: Engine, driver: Any = None) -> Iterator[None]:
    """Let what a driver raises past SQLAlchemy, as its connection *driver*, be SQLAlchemy's.

    So does one whose connection is lost while it is set up, watched or put back.
    """
    base = engine.dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        lost = engine.dialect.is_disconnect(error, driver, None)
        raise sa.exc.DBAPIError.instance(
            None, None, error, base, connection_invalidated=lost, dialect=engine.dialect
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Opens the connections of a contract, and tries again what got no lock over them."""

    patience: Patience

    @property
    def engine(self) -> Engine:
        """The database of the contract."""
        return self.patience.engine

    @contextmanager
    def connection(self, *, before: str | None = None, **options: Any) -> Iterator[Connection]:
        """Open a connection that waits for locks no longer than it should.

        *before* is sent to it outside any transaction.
        """
        with self.engine.connect() as connection:
            try:
                with wrapped(self.engine, connection.connection.driver_connection):
                    self._set_up(connection, before, options.get("isolation_level"))
            except BaseException:
                connection.invalidate()  # it may be lost, and is not to be reset
                raise
            yield connection

    def _set_up(self, connection: Connection, before: str | None, level: Any) -> None:
        dialect = dialect_of(connection.dialect)
        level = level or dialect.isolation_level()
        if level is not None:
            connection.execution_options(isolation_level=level)
        limit = dialect.set_lock_timeout(self.patience.lock_timeout)
        for statement in filter(None, (limit, before)):
            # Not through SQLAlchemy, which would begin a transaction, and wait for it.
            connection.connection.cursor().execute(statement)

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the body in a transaction, also with a driver that would leave DDL out of it."""
        with connection.begin():
            begin_for_real(connection)
            yield

    def run(self, connection: Connection, work: Callable[[], Result], *, doing: str) -> Result:
        """Return what *work* returns, which is done whole or not at all each time.

        Raises LockedError when no try came through; whatever will not pass by itself, and
        a lost connection, come through as they are.
        """
        task = Task(doing=doing, session=lambda: self._number(connection))
        return self.patience.run(work, task)

    def _number(self, connection: Connection) -> int | None:
        """Return the number of the session that *connection* has now."""
        query = dialect_of(connection.dialect).session()
        if query is None:
            return None
        with wrapped(self.engine, connection.connection.driver_connection):
            # Not through SQLAlchemy, which would begin a transaction, and wait for it.
            cursor = connection.connection.cursor()
            cursor.execute(query)
            (number,) = cursor.fetchone() or (None,)
        return number
