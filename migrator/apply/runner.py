"""The runner: carries out one job after the other, over the connection that holds the lock."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, TypeVar

import sqlalchemy as sa

from migrator import guard, sql
from migrator.apply import live
from migrator.apply.connection import send, transaction
from migrator.apply.event import Finished, Noted, Started
from migrator.apply.foresee import work_of
from migrator.apply.resume import Known
from migrator.apply.stepwise import apply_stepwise
from migrator.apply.whole import apply_whole
from migrator.dialects import Transient, said, transient
from migrator.errors import StepError
from migrator.history import HistoryRecord, write_together
from migrator.migration import Phase
from migrator.patience import Task
from migrator.session import limit_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from migrator.apply.cursor import CursorJudge
    from migrator.apply.event import Listener
    from migrator.apply.job import Job, Options
    from migrator.dialects import Dialect
    from migrator.history import Row
    from migrator.lock import Session
    from migrator.patience import Patience

Result = TypeVar("Result")


@dataclass(slots=True)
class Runner:
    """One connection, how long it tries, and who judges what it sends."""

    connection: Connection
    dialect: Dialect
    judge: CursorJudge
    patience: Patience
    session: int | None
    """Number of the connection's session, on databases that number them."""
    options: Options
    on_event: Listener
    known: Known = field(default_factory=Known)
    owed: Row | None = None
    """Note of the last migration that is to be written with the first of the next one."""
    index: int | None = None
    """Statement that was sent last, counted from 0."""

    def carry_out(self, job: Job) -> Finished:
        """Apply one migration, or the rest of it."""
        migration, half = job.migration, job.step.resumes
        number, name, phase = migration.number, migration.name, migration.phase.value
        begun = time.perf_counter()
        resumed_at = half.statement if half else None
        self.on_event(Started(version=number, name=name, phase=phase, resumed_at=resumed_at))
        try:
            self._apply(job)
        except sa.exc.SQLAlchemyError as error:
            self._refused(job, error)
        if any(each.called == "SET" for each in job.statements or ()):
            limit_waiting(self.connection, self.dialect, self.options.lock_timeout)
        seconds = time.perf_counter() - begun
        finished = Finished(version=number, name=name, phase=phase, seconds=seconds)
        self.on_event(finished)
        return finished

    def patiently(
        self,
        work: Callable[[], Result],
        *,
        version: int | None = None,
        waiting: Callable[[tuple[Session, ...]], None] | None = None,
    ) -> Result:
        """Return what *work* returns, a part of migration *version* or of the history.

        *waiting* is told of the sessions in the way while *work* waits.
        """
        doing = f"migration {version}" if version else "the history"
        task = Task(doing=doing, session=lambda: self.session, number=version, waiting=waiting)
        return self.patience.run(work, task)

    def settle(self) -> None:
        """Write the note that is owed, if one is."""
        if self.owed is not None:
            with transaction(self.connection):
                write_together(self.connection, [self.owed])
            self.owed = None

    @contextmanager
    def settling(self) -> Iterator[None]:
        """Write what is owed when the body ends, if it can be after an error."""
        try:
            yield
        except BaseException:
            with suppress(sa.exc.SQLAlchemyError):
                self.settle()
            raise
        self.patiently(self.settle)

    def send(self, job: Job, index: int) -> None:
        """Send one statement of *job* and have it judged again where it leaves."""
        self.index = index
        with self.judge.judging(job.migration, frozenset(job.texts)):
            send(self.connection, job.texts[index])

    def note(self, job: Job, text: str) -> None:
        """Tell something about *job* that is worth a line."""
        self.on_event(Noted(version=job.migration.number, text=text))

    def _apply(self, job: Job) -> None:
        self.index = None
        if not job.is_known_expand:
            self.settle()
        if job.migration.phase is Phase.CONTRACT:
            self._contract(job, _record(job))
        elif job.fits_one_transaction(self.dialect):
            apply_whole(self, job, _record(job))
        else:
            known = job if job.statements is not None else self._rehearsed(job)
            apply_stepwise(self, known, _record(known))

    def _rehearsed(self, job: Job) -> Job:
        """Return *job* with the statements that it would send now, judged."""
        texts = live.rehearse(self.connection, job.migration, self.dialect)
        statements = tuple(sql.read(text, self.dialect) for text in texts)
        return replace(job, statements=statements, rehearsed=True)

    def _contract(self, job: Job, record: HistoryRecord) -> None:
        guard.contract(
            self.connection.engine,
            job.migration,
            job.transitions,
            work_of(job, self.connection),
            # A note whose commit got no answer is written once more, and may be there.
            record=replace(record, fresh=False),
            lock_timeout=self.options.lock_timeout,
            attempts=self.options.attempts,
            override=self.options.override,
            on_event=lambda line: self.note(job, line),
        )
        self.known = Known()

    def _refused(self, job: Job, error: sa.exc.SQLAlchemyError) -> NoReturn:
        """Raise StepError for what the database refused, without what a driver says of rows."""
        migration, words = job.migration, said(self.dialect, error)
        place = f"migration {migration.number} {migration.name!r}"
        if self.index is not None and job.statements:
            label = job.statements[self.index].label
            place += f", statement {self.index + 1} of {len(job.statements)} ({label})"
        if transient(self.dialect, error) is Transient.LOST:
            raise StepError(
                f"{place}: the connection was lost: {words}",
                number=migration.number,
                hint="run migrator sync again: it finds out what was done and goes on",
            ) from None
        begun = not job.fits_one_transaction(self.dialect)
        raise StepError(
            f"{place}: the database refused it: {words}",
            number=migration.number,
            hint="mend what is wrong and run migrator sync again: it goes on at this statement, "
            "what comes before it is done and stays as it is"
            if begun
            else "nothing of it is left behind; mend what is wrong and run migrator sync again",
        ) from None


def _record(job: Job) -> HistoryRecord:
    return HistoryRecord(
        migration=job.migration,
        statements=job.texts,
        started_at=datetime.now(UTC),
        fresh=job.step.resumes is None,
    )
