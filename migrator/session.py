"""A session: one connection whose transactions are run again when what failed may pass."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_random_exponential

from migrator.dialects import Transient, dialect_of, is_about_a_row, is_fenced, transient
from migrator.errors import BusyError, LostError, RowError, error_code, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection, Engine
    from tenacity import RetryCallState

    from migrator.dialects import Dialect
    from migrator.errors import DatabaseError

LOCK_TIMEOUT_SECONDS = 5.0
ATTEMPTS = 10
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10.0
RECONNECT_SECONDS = 300.0
"""How long a server that was there may be away: a failover, or its recovery from a crash."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A transaction is run again, because of something that may pass."""

    reason: str
    wait_seconds: float


class Session:
    """One connection to *engine*, opened when it is needed and again when it is lost.

    Use it as a context manager. *retries* counts what was tried again.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        on_retry: Callable[[Retry], None] = lambda _retry: None,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.engine = engine
        self.on_retry = on_retry
        self.attempts = attempts
        self.sleep = sleep
        self.retries = 0
        self._connection: Connection | None = None
        self._was_connected = False

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._drop()

    @property
    def dialect(self) -> Dialect:
        """The database at the other end; MariaDB is known as such once there was a connection."""
        return dialect_of(self.engine.dialect)

    def run(
        self,
        work: Callable[[Connection], Result],
        *,
        doing: str = "a transaction",
        was_done: Callable[[Connection], bool] | None = None,
    ) -> Result:
        """Return what *work* returns, committed.

        When the connection breaks during the commit, *was_done* looks up whether the
        server carried it out; without it the work is repeated, so it has to bear that.
        Raises DatabaseError, without row data, for what will not pass or did not: a
        BusyError when others are in the way, a RowError when it can be the data of a row.
        """
        unanswered: list[Result] = []

        def attempt() -> Result:
            if unanswered and was_done is not None and self._transact(was_done):
                return unanswered[0]
            unanswered.clear()
            return self._transact(work, unanswered)

        try:
            return self._patiently(self._may_pass, stop_after_attempt(self.attempts))(attempt)
        except sa.exc.SQLAlchemyError as error:
            raise self._told(error, doing) from None

    def _transact(
        self, work: Callable[[Connection], Result], unanswered: list[Result] | None = None
    ) -> Result:
        """Run *work* in one transaction; *unanswered* takes the result when COMMIT got no reply."""
        sent: list[Result] = []
        try:
            connection = self._connected()
            with connection.begin():
                begin_for_real(connection)
                result = work(connection)
                sent.append(result)
        except sa.exc.SQLAlchemyError as error:
            if self._reason(error) is Transient.LOST:
                self._drop()
                if unanswered is not None:
                    unanswered.extend(sent)
            raise
        return result

    def _connected(self) -> Connection:
        """Return the connection; a server that was there before is waited for."""
        if self._connection is None:
            driver_error = self.engine.dialect.loaded_dbapi.Error
            errors = (sa.exc.SQLAlchemyError, driver_error)
            reconnect = self._patiently(
                lambda error: self._was_connected and isinstance(error, errors),
                stop_after_delay(RECONNECT_SECONDS),
            )
            try:
                self._connection = reconnect(self._open)
            except errors as error:
                raise wrap(error, doing="connecting", kind=LostError) from None
            self._was_connected = True
        return self._connection

    def _open(self) -> Connection:
        """Return a new connection, told at which level to work and how long to wait for locks."""
        connection = self.engine.connect()
        try:
            if (level := self.dialect.isolation_level()) is not None:
                connection = connection.execution_options(isolation_level=level)
            limit_waiting(connection, self.dialect, LOCK_TIMEOUT_SECONDS)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        """Close the connection, whatever state it is in; no pool is to have it back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _patiently(
        self, may_pass: Callable[[BaseException], bool], stop: Callable[[RetryCallState], bool]
    ) -> Retrying:
        """Return what calls a function again while its errors *may_pass*, until *stop*."""
        return Retrying(
            retry=retry_if_exception(may_pass),
            stop=stop,
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            before_sleep=self._before_sleep,
            sleep=self.sleep,
            reraise=True,
        )

    def _may_pass(self, error: BaseException) -> bool:
        return self._reason(error) is not None

    def _reason(self, error: BaseException) -> Transient | None:
        if not isinstance(error, sa.exc.SQLAlchemyError):
            return None
        return (
            Transient.FENCED if is_fenced(self.dialect, error) else transient(self.dialect, error)
        )

    def _before_sleep(self, state: RetryCallState) -> None:
        """Tell that something is tried again, and why."""
        self.retries += 1
        error = state.outcome.exception() if state.outcome else None
        reason = (error and self._reason(error)) or Transient.LOST
        wait = state.next_action.sleep if state.next_action else 0.0
        self.on_retry(Retry(reason=reason.value, wait_seconds=wait))

    def _told(self, error: sa.exc.SQLAlchemyError, doing: str) -> DatabaseError:
        """Return *error* as ours, of the kind that tells what can be done about it."""
        reason = self._reason(error)
        if reason is Transient.LOST:
            return wrap(error, doing=doing, kind=LostError)
        if reason is not None or error_code(error) in self.dialect.timeouts:
            return wrap(error, doing=doing, kind=BusyError)
        if is_about_a_row(self.dialect, error):
            return wrap(error, doing=doing, kind=RowError)
        return wrap(error, doing=doing)


def limit_waiting(connection: Connection, dialect: Dialect, seconds: float) -> None:
    """Let every later statement of this session wait for locks *seconds* at the most; 0: no limit.

    It is said to the driver, because a transaction on SQLite may itself have to wait.
    """
    tell(connection, dialect.set_lock_timeout(seconds))


def tell(connection: Connection, statement: str | None) -> None:
    """Send a setting of the session to the driver, outside any transaction of SQLAlchemy's."""
    if statement is None:
        return
    driver = connection.connection
    cursor = driver.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()
    driver.commit()


def begin_for_real(connection: Connection) -> None:
    """Begin the transaction that SQLAlchemy thinks it is in, where the driver did not."""
    driver = connection.connection.driver_connection
    if getattr(driver, "in_transaction", None) is False:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
