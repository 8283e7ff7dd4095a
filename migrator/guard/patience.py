"""Patience: try again what got no lock in time, and say at last who was in the way."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from migrator.dialects import Transient, dialect_of, transient
from migrator.errors import LockedError, describe_database_error
from migrator.lock import Session, blockers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0

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
class Patience:
    """How long, and how often, a contract waits for its locks."""

    engine: Engine
    lock_timeout: float
    """Seconds that one try waits."""
    attempts: int
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

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
        for statement in filter(None, (dialect.set_lock_timeout(self.lock_timeout), before)):
            # Not through SQLAlchemy, which would begin a transaction, and wait for it.
            connection.connection.cursor().execute(statement)

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Run the body in a transaction, also with a driver that would leave DDL out of it."""
        with connection.begin():
            driver = connection.connection.driver_connection
            if getattr(driver, "in_transaction", None) is False:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield

    def run(self, connection: Connection, work: Callable[[], Result], *, doing: str) -> Result:
        """Return what *work* returns, which is done whole or not at all each time.

        Raises LockedError when no try came through; whatever will not pass by itself, and
        a lost connection, come through as they are.
        """
        seen: list[Session] = []

        def attempt() -> Result:
            seen.clear()
            with self._watching(connection, seen):
                return work()

        retrying = Retrying(
            retry=retry_if_exception(self._may_pass),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            before_sleep=lambda state: self._tell(doing, state),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except sa.exc.SQLAlchemyError as error:
            if not self._may_pass(error):
                raise
            said = "; ".join(map(str, seen)) or "the database does not say by whom"
            raise LockedError(
                f"{doing} got no lock in {self.attempts} attempts "
                f"({describe_database_error(error)}), blocked by: {said}",
                hint="end those sessions or try again when less is going on",
            ) from None

    @contextmanager
    def _watching(self, connection: Connection, seen: list[Session]) -> Iterator[None]:
        """Look from another session, while the body runs, whom *connection* waits for."""
        query = dialect_of(connection.dialect).session()
        if query is None:
            yield
            return
        with wrapped(self.engine, connection.connection.driver_connection):
            cursor = connection.connection.cursor()
            cursor.execute(query)
            (session,) = cursor.fetchone() or (0,)
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(session, over, seen), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, session: int, over: threading.Event, seen: list[Session]) -> None:
        if over.wait(self.lock_timeout / 2):
            return
        # Who waits for whom may be hidden from us: then nobody is named.
        with suppress(sa.exc.SQLAlchemyError), self.engine.connect() as connection:
            seen.extend(blockers(connection, session))

    def _tell(self, doing: str, state: RetryCallState) -> None:
        wait = state.next_action.sleep if state.next_action else 0.0
        why = self._reason(state.outcome.exception() if state.outcome else None)
        self.say(f"{doing}: {why.value if why else 'failed'}; tried again in {wait:.1f} s")

    def _may_pass(self, error: BaseException) -> bool:
        return self._reason(error) not in {None, Transient.LOST}

    def _reason(self, error: BaseException | None) -> Transient | None:
        if not isinstance(error, sa.exc.SQLAlchemyError):
            return None
        return transient(dialect_of(self.engine.dialect), error)
