"""Stepwise: a migration statement by statement, with a note in the history before and after each.

For databases whose DDL commits by itself, and for statements that have to run outside a
transaction. What was done when a run was killed is told from the history and the catalogue.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.apply import concurrent
from migrator.apply.connection import outside_transaction, transaction
from migrator.apply.event import Waiting
from migrator.apply.resume import first_statement
from migrator.apply.scratch import try_alterations
from migrator.dialects import Transient, transient
from migrator.errors import MigratorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.apply.job import Job
    from migrator.apply.runner import Runner
    from migrator.dialects import Dialect
    from migrator.history import HistoryRecord
    from migrator.lock import Session


def apply_stepwise(runner: Runner, job: Job, record: HistoryRecord) -> None:
    """Apply an expand, or what an earlier run has left of it.

    Raises StepError where that cannot be known, LockedError when locks were not to be had.
    """
    connection, dialect = runner.connection, runner.dialect
    with transaction(connection):
        first = first_statement(connection, dialect, job, interrupted=runner.options.interrupted)
    if first == 0:
        try_alterations(connection, dialect, job)
    for index, statement in enumerate(job.statements or ()):
        if index < first:
            continue
        if statement.concurrent:
            _outside(runner, job, record, index)
        elif dialect.capabilities.transactional_ddl:
            _inside(runner, job, record, index)
        else:
            _committing(runner, job, record, index)
    if _is_told(job, dialect):
        runner.owed = record.row_applied()
    else:
        with transaction(connection):
            record.applied(connection)


def _is_told(job: Job, dialect: Dialect) -> bool:
    """Return whether the note that *job* is applied may be written with the next one's first.

    That spares a commit. A run that is killed before it has left its last statement intended,
    of which the catalogue says that it ran.
    """
    last = (job.statements or ())[-1:]
    commits = not dialect.capabilities.transactional_ddl
    return commits and not job.rehearsed and all(each.effects for each in last)


def _inside(runner: Runner, job: Job, record: HistoryRecord, index: int) -> None:
    """Send a statement in one transaction with the note that it is done."""

    def attempt() -> None:
        with transaction(runner.connection):
            runner.send(job, index)
            record.did(runner.connection, index)

    runner.patiently(attempt, version=job.migration.number)


def _committing(runner: Runner, job: Job, record: HistoryRecord, index: int) -> None:
    """Send a statement that commits by itself, between two notes."""

    def attempt() -> None:
        with transaction(runner.connection):
            runner.send(job, index)

    with _between_notes(runner, job, record, index):
        runner.patiently(attempt, version=job.migration.number)


def _outside(runner: Runner, job: Job, record: HistoryRecord, index: int) -> None:
    """Send a statement outside a transaction, and leave no invalid index behind."""
    connection, dialect = runner.connection, runner.dialect
    version, lock_timeout = job.migration.number, runner.options.lock_timeout
    built = concurrent.index_of((job.statements or ())[index])

    def clean() -> None:
        if built and concurrent.drop_invalid(connection, dialect, built, lock_timeout=lock_timeout):
            runner.note(job, f"dropped index {built.name}, which an earlier try left invalid")

    def attempt() -> None:
        clean()
        with outside_transaction(connection, dialect, lock_timeout=lock_timeout):
            runner.send(job, index)
        if built:
            concurrent.check_valid(connection, dialect, built)

    def tell(blockers: tuple[Session, ...]) -> None:
        runner.on_event(Waiting(version=version, blockers=blockers))

    with _between_notes(runner, job, record, index):
        try:
            runner.patiently(attempt, version=version, waiting=tell)
        except (sa.exc.SQLAlchemyError, MigratorError) as error:
            # With its session the runner's lock is lost: then that is left to the next run.
            if not _lost(runner, error):
                with suppress(sa.exc.SQLAlchemyError, MigratorError):
                    runner.patiently(clean, version=version, waiting=tell)
            raise


@contextmanager
def _between_notes(runner: Runner, job: Job, record: HistoryRecord, index: int) -> Iterator[None]:
    """Note that a statement is about to be sent, and take that back when it was refused.

    What is in the catalogue beforehand could not be told from what the statement does. But
    then it is refused or does nothing, so it may be sent again, and nothing is noted.
    """
    connection = runner.connection
    statement = (job.statements or ())[index]

    def note() -> None:
        with transaction(connection):
            if runner.known.holds(connection, runner.dialect, statement):
                runner.settle()
                record.stopped(connection, index)
                if any(effect.maybe for effect in statement.effects):
                    runner.note(
                        job, f"{statement.called}: what it adds was there already: left as it is"
                    )
            else:
                record.intend(connection, index, statement.text, beside=runner.owed)

    runner.patiently(note, version=job.migration.number)
    runner.owed = None
    try:
        yield
    except (sa.exc.SQLAlchemyError, MigratorError) as error:
        if not _lost(runner, error):
            with suppress(sa.exc.SQLAlchemyError), transaction(connection):
                record.stopped(connection, index)
        raise
    runner.known.add(statement)


def _lost(runner: Runner, error: Exception) -> bool:
    """Return whether it is unknown what became of the statement."""
    return (
        isinstance(error, sa.exc.SQLAlchemyError)
        and transient(runner.dialect, error) is Transient.LOST
    )
