"""Patience: try again what got no lock in time, and say at last who was in the way."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential
from typing_extensions import override

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A task is about to be tried again."""

    task: Task
    reason: str
    attempt: int
    """Number of the attempt that failed, from 1."""
    wait_seconds: float
    blockers: tuple[Session, ...] = ()

    @override
    def __str__(self) -> str:
        return f"{self.task.doing}: {self.reason}; tried again in {self.wait_seconds:.1f} s"


@dataclass(slots=True, kw_only=True)
class Task:
    """What is done whole or not at all each time that it is tried."""

    doing: str
    """What a person would call it: 'migration 5', 'the history'."""
    session: Callable[[], int | None]
    """Gives the number of the session that may have to wait; None where there are no numbers."""
    number: int | None = None
    """Number of the migration, if it is part of one."""
    waiting: Callable[[tuple[Session, ...]], None] | None = None
    """Is told of the sessions in the way while they are."""
    seen: tuple[Session, ...] = field(default=(), init=False)
    """Sessions that the last attempt waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long, and how often, locks are waited for, and who is told of it."""

    engine: Engine
    lock_timeout: float
    """Seconds that one attempt waits."""
    attempts: int
    on_again: Callable[[Again], None]
    sleep: Callable[[float], None] = time.sleep

    def run(self, work: Callable[[], Result], task: Task) -> Result:
        """Return what *work* returns, which carries out *task*.

        Raises LockedError with the sessions in the way when no attempt came through; what
        will not pass, and a lost connection, come through as they are.
        """
        refused: list[sa.exc.SQLAlchemyError] = []
        if task.waiting is None and self.attempts > 1:
            # Somebody is in the way now and then only: the first attempt is not looked at.
            try:
                return work()
            except sa.exc.SQLAlchemyError as error:
                if not self._may_pass(error):
                    raise
                refused.append(error)

        def attempt() -> Result:
            if refused:
                raise refused.pop()
            with self._watching(task):
                return work()

        retrying = Retrying(
            retry=retry_if_exception(self._may_pass),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            before_sleep=lambda state: self._tell(task, state),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except sa.exc.SQLAlchemyError as error:
            if not self._may_pass(error):
                raise
            raise self._locked(task, error) from None

    @contextmanager
    def _watching(self, task: Task) -> Iterator[None]:
        """Look from another session, while the body runs, whom ours waits for."""
        task.seen = ()
        session = task.session()
        if session is None:
            yield
            return
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(task, session, over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, task: Task, session: int, over: threading.Event) -> None:
        pause = self.lock_timeout / 2
        while not over.wait(pause):
            pause = LOOK_EVERY_SECONDS
            # Who waits for whom may be hidden from us: then nobody is named.
            with suppress(sa.exc.SQLAlchemyError), self.engine.connect() as connection:
                task.seen = blockers(connection, session)
            if task.waiting and task.seen:
                task.waiting(task.seen)

    def _may_pass(self, error: BaseException) -> bool:
        return self._reason(error) not in {None, Transient.LOST}

    def _reason(self, error: BaseException | None) -> Transient | None:
        if not isinstance(error, sa.exc.SQLAlchemyError):
            return None
        return transient(dialect_of(self.engine.dialect), error)

    def _tell(self, task: Task, state: RetryCallState) -> None:
        why = self._reason(state.outcome.exception() if state.outcome else None)
        self.on_again(
            Again(
                task=task,
                reason=why.value if why else "",
                attempt=state.attempt_number,
                wait_seconds=state.next_action.sleep if state.next_action else 0.0,
                blockers=task.seen,
            )
        )

    def _locked(self, task: Task, error: sa.exc.SQLAlchemyError) -> LockedError:
        said = "; ".join(map(str, task.seen)) or "the database does not say by whom"
        return LockedError(
            f"{task.doing} got no lock in {self.attempts} attempts "
            f"({describe_database_error(error)}), blocked by: {said}",
            number=task.number,
            hint="end those sessions or try again when less is going on; "
            "--lock-timeout and --attempts make it more patient",
        )
