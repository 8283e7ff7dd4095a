"""Retry: run again what failed for a reason that may pass, and say who was in the way."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from migrator.apply.event import Listener, Retried
from migrator.dialects import Transient, dialect_of, transient
from migrator.errors import LockedError, describe_database_error
from migrator.lock import Session, blockers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Engine

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
LOOK_EVERY_SECONDS = 5.0
"""How often a statement without a time limit is looked at."""

Result = TypeVar("Result")


@dataclass(slots=True)
class Patience:
    """How long one runner tries, and how it tells."""

    engine: Engine
    session: int | None
    """Number of the session that may have to wait, on databases that number them."""
    lock_timeout: float
    attempts: int
    on_event: Listener
    sleep: Callable[[float], None] = time.sleep
    seen: tuple[Session, ...] = ()
    """Sessions that the last statement waited for."""

    def run(
        self,
        work: Callable[[], Result],
        *,
        version: int | None = None,
        waiting: Callable[[tuple[Session, ...]], None] | None = None,
    ) -> Result:
        """Return what *work* returns, which is done whole or not at all each time.

        *waiting* is told of the sessions in the way while *work* waits. Raises LockedError
        with them when no attempt came through; what will not pass, and a lost connection,
        come through as they are.
        """
        refused: list[sa.exc.SQLAlchemyError] = []
        if waiting is None and self.attempts > 1:
            # Somebody is in the way now and then only: the first attempt is not looked at.
            self.seen = ()
            try:
                return work()
            except sa.exc.SQLAlchemyError as error:
                if not self._may_pass(error):
                    raise
                refused.append(error)

        def attempt() -> Result:
            if refused:
                raise refused.pop()
            with self._watching(waiting):
                return work()

        retrying = Retrying(
            retry=retry_if_exception(self._may_pass),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            before_sleep=lambda state: self._tell(version, state),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except sa.exc.SQLAlchemyError as error:
            if not self._may_pass(error):
                raise
            raise self._locked(version, error) from None

    @contextmanager
    def _watching(
        self, tell: Callable[[tuple[Session, ...]], None] | None = None
    ) -> Iterator[None]:
        """Look from another session, while the body runs, whom ours waits for."""
        self.seen = ()
        if self.session is None:
            yield
            return
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over, tell), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(
        self, over: threading.Event, tell: Callable[[tuple[Session, ...]], None] | None
    ) -> None:
        pause = self.lock_timeout / 2
        while not over.wait(pause):
            pause = LOOK_EVERY_SECONDS
            # Who waits for whom may be hidden from us: then nobody is named.
            with suppress(sa.exc.SQLAlchemyError), self.engine.connect() as connection:
                self.seen = blockers(connection, self.session or 0)
            if tell and self.seen:
                tell(self.seen)

    def _may_pass(self, error: BaseException) -> bool:
        return self._reason(error) not in {None, Transient.LOST}

    def _reason(self, error: BaseException | None) -> Transient | None:
        if not isinstance(error, sa.exc.SQLAlchemyError):
            return None
        return transient(dialect_of(self.engine.dialect), error)

    def _tell(self, version: int | None, state: RetryCallState) -> None:
        why = self._reason(state.outcome.exception() if state.outcome else None)
        self.on_event(
            Retried(
                version=version,
                reason=why.value if why else "",
                attempt=state.attempt_number,
                wait_seconds=state.next_action.sleep if state.next_action else 0.0,
                blockers=self.seen,
            )
        )

    def _locked(self, version: int | None, error: sa.exc.SQLAlchemyError) -> LockedError:
        said = "; ".join(map(str, self.seen)) or "the database does not say by whom"
        what = f"migration {version}" if version else "the history"
        return LockedError(
            f"{what} got no lock in {self.attempts} attempts "
            f"({describe_database_error(error)}), blocked by: {said}",
            number=version,
            hint="end those sessions or try again when less is going on; "
            "--lock-timeout and --attempts make it more patient",
        )
