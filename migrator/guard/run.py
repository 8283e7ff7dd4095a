"""Contract: run one under the guard, refuse it, or go on with one that was cut short."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.guard import locked, transaction
from migrator.guard.fence import lift_fences
from migrator.guard.reach import reach
from migrator.guard.sessions import Sessions, wrapped
from migrator.guard.step import LateWriterError, Step, late, refusal, refused
from migrator.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Engine

    from migrator.guard.value import Record, Work
    from migrator.migration import Migration
    from migrator.transitions.transition import Transition


def contract(  # noqa: PLR0913 - each is said by its name
    engine: Engine,
    migration: Migration,
    transitions: Sequence[Transition],
    work: Work,
    *,
    record: Record,
    lock_timeout: float = 1.0,
    attempts: int = 10,
    override: str | None = None,
    on_event: Callable[[str], None] = lambda _line: None,
) -> None:
    """Run *work*, what *migration* sends, once nothing that it completes is pending.

    The caller holds the runner's lock and has chosen *transitions*, those that *migration*
    completes, and *work*: its rendered statements, or a function of a connection when they
    cannot be rendered (SQLite's batch mode). The guard opens its own connections from
    *engine*, writes *record* in the same step as the drop, and may be called again after a
    crash at any point: it goes on from what the catalogue says.

    *lock_timeout* is in seconds, for each of *attempts* tries, with growing pauses between.
    *override* is the operator's reason to drop in spite of blockers; it goes into the
    history's note with who, where, when and the counts. *on_event* gets lines for people,
    such as ``fenced flavors: rows that need flavor_foobars are refused``.

    Raises GuardError (nothing changed, no fence left) with its blockers, LockedError when no
    try got its locks, and StepError when the database refused one of the statements.
    """
    try:
        with engine.connect() as connection:
            dialect = dialect_of(connection.dialect)
    except sa.exc.SQLAlchemyError as error:
        raise refused(migration, dialect_of(engine.dialect), error) from error
    patience = Patience(
        engine=engine,
        lock_timeout=lock_timeout,
        attempts=attempts,
        on_again=lambda again: on_event(str(again)),
    )
    step = Step(
        migration=migration,
        transitions=tuple(transitions),
        work=work,
        reached=reach(migration, transitions, work, dialect),
        dialect=dialect,
        record=record,
        sessions=Sessions(patience=patience),
        say=on_event,
        override=override,
    )
    try:
        _contract(step)
    except BaseException:
        lift(step)
        raise


def _contract(step: Step) -> None:
    """Look, and run the contract in the way of its database."""
    runner = transaction if step.dialect.capabilities.transactional_ddl else locked
    try:
        with wrapped(step.sessions.engine):
            blocked = step.look()
            if blocked and step.override is None:
                raise refusal(step.migration, blocked)
            for blocker in blocked:
                step.say(f"OVERRIDDEN, data may be lost: {blocker}")
            runner.run(step, blocked)
    except LateWriterError as error:
        raise late(step, error) from None
    except sa.exc.SQLAlchemyError as error:
        raise step.refused(error) from error


def lift(step: Step) -> None:
    """Take away every fence on the tables of *step*.

    It runs after a failure, so what fails here is only told.
    """
    try:
        with step.sessions.connection(isolation_level="AUTOCOMMIT") as connection:
            step.sessions.run(
                connection,
                partial(lift_fences, connection, step.transitions),
                doing="taking the fence away",
            )
    except Exception as error:  # the first error is the one to tell
        step.say(
            f"a fence may still stand ({type(error).__name__}): "
            f"take it away with migrator guard {step.migration.name} --lift"
        )
