"""A session: one connection whose transactions are run again when what failed may pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from migrator.dialects import Dialect, Transient, dialect_of, transient
from migrator.errors import wrap

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

LOCK_TIMEOUT_SECONDS = 5.0
ATTEMPTS = 10
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A transaction is run again, because of something that may pass."""

    reason: str
    wait_seconds: float


class Session:
    """One connection to *engine*, opened when it is needed and again when it is lost.

    Use it as a context manager. *retries* counts the transactions that were run again.
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

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._drop()

    @property
    def dialect(self) -> Dialect:
        """The database at the other end, once there was a connection."""
        return dialect_of(self._connected().dialect)

    def run(
        self,
        work: Callable[[Connection], Result],
        *,
        was_done: Callable[[Connection], bool] | None = None,
    ) -> Result:
        """Return what *work* returns, committed.

        When the connection breaks during the commit, *was_done* looks up whether the
        server carried it out; without it the work is repeated, so it has to bear that.
        Raises DatabaseError, without row data, for what will not pass or did not.
        """
        done: list[Result] = []

        def attempt() -> Result:
            if done and was_done is not None and self._look(was_done):
                return done.pop()
            done.clear()
            return self._once(work, done)

        retrying = Retrying(
            retry=retry_if_exception(self._may_pass),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            before_sleep=self._before_sleep,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except sa.exc.SQLAlchemyError as error:
            raise wrap(error, doing="a transaction") from None

    def _once(self, work: Callable[[Connection], Result], done: list[Result]) -> Result:
        """Run *work* in one transaction; its result is in *done* once COMMIT is sent."""
        try:
            connection = self._connected()
            with connection.begin():
                result = work(connection)
                done.append(result)
        except sa.exc.SQLAlchemyError as error:
            if self._reason(error) is Transient.LOST:
                self._drop()
            else:
                done.clear()
            raise
        except BaseException:
            done.clear()
            raise
        return result

    def _look(self, was_done: Callable[[Connection], bool]) -> bool:
        """Return whether a commit that got no answer was carried out."""
        try:
            connection = self._connected()
            with connection.begin():
                return was_done(connection)
        except sa.exc.SQLAlchemyError as error:
            if self._reason(error) is Transient.LOST:
                self._drop()
            raise

    def _connected(self) -> Connection:
        """Return the connection, opened and told how long to wait for locks."""
        if self._connection is None:
            connection = self.engine.connect()
            dialect = dialect_of(connection.dialect)
            if (level := dialect.isolation_level()) is not None:
                connection = connection.execution_options(isolation_level=level)
            if (limit := dialect.set_lock_timeout(LOCK_TIMEOUT_SECONDS)) is not None:
                connection.exec_driver_sql(limit)
                connection.commit()
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        """Close the connection, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()
        except sa.exc.SQLAlchemyError:
            connection.invalidate()

    def _may_pass(self, error: BaseException) -> bool:
        return isinstance(error, sa.exc.SQLAlchemyError) and self._reason(error) is not None

    def _reason(self, error: sa.exc.SQLAlchemyError) -> Transient | None:
        return transient(dialect_of(self.engine.dialect), error)

    def _before_sleep(self, state: RetryCallState) -> None:
        """Tell that the transaction is run again, and why."""
        self.retries += 1
        error = state.outcome.exception() if state.outcome else None
        reason = self._reason(error) if isinstance(error, sa.exc.SQLAlchemyError) else None
        wait = state.next_action.sleep if state.next_action else 0.0
        self.on_retry(Retry(reason=reason.value if reason else "unknown", wait_seconds=wait))
