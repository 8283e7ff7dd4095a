"""A contract where every DDL commits by itself: look and drop under one lock on the tables.

Triggers fence the tables first, so that late writers are told rather than lost; the lock
is what makes the look and the drop one step. A run that dies leaves its triggers and
the history's intent; the next one goes on from what the catalogue says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.errors import StepError, error_code
from migrator.guard.fence import fence_of, raising, standing
from migrator.guard.locks import lock_statements
from migrator.guard.look import is_pending, mapped, pending_query
from migrator.guard.reach import under_lock
from migrator.guard.step import LateError, LateWriterError, Step, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Connection

    from migrator.guard.step import Segment
    from migrator.guard.value import Blocker


@dataclass(slots=True, kw_only=True)
class Run:
    """One run: a session that locks and drops, and another that keeps the history."""

    step: Step
    connection: Connection
    notes: Connection
    """Open from the start: while tables are locked there is no time to connect."""
    in_doubt: int | None
    """Statement at which an earlier run has died."""
    done: int
    """How many statements are done, by this run or an earlier one."""
    left: dict[str, int] = field(default_factory=dict)
    """Transition → rows that still needed it when the guard was overridden."""

    def write(self, work: Callable[[Connection], None]) -> None:
        """Write into the history; its session may have been idle for too long."""
        try:
            with self.notes.begin():
                work(self.notes)
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            with self.notes.begin():
                work(self.notes)


def run(step: Step, overridden: tuple[Blocker, ...]) -> None:
    """Run the contract, statement by statement, under LOCK TABLES."""
    if callable(step.work):
        raise StepError(
            f"{step.migration.name} needs a live connection, and this database commits every "
            "statement by itself",
            number=step.migration.number,
            hint="write it so that it can be rendered, or as a .sql file for this database",
        )
    with (
        step.sessions.connection(isolation_level="AUTOCOMMIT") as connection,
        step.sessions.connection() as notes,
    ):
        begun = step.done(notes)
        this = Run(step=step, connection=connection, notes=notes, in_doubt=begun, done=begun or 0)
        if step.override is None:
            _raise_fences(step, connection)
            _look(step, connection)
        _run(this)
        this.write(partial(step.record.applied, note=step.note(overridden, this.left)))


def _run(this: Run) -> None:
    for segment in this.step.segments(under_lock):
        if segment.together:
            this.step.sessions.run(
                this.connection,
                partial(_locked, this, segment),
                doing=f"contract {this.step.migration.number}",
            )
        else:
            _send(this, segment.indexes)


def _raise_fences(step: Step, connection: Connection) -> None:
    """Fence what a row alone tells; without the privilege the lock has to do alone."""
    there = standing(connection, step.transitions)
    for transition in step.transitions:
        fence = fence_of(connection, transition)
        if fence is None:
            continue
        try:
            for statement in raising(fence, there, step.dialect):
                step.sessions.run(
                    connection,
                    partial(execute, connection, statement),
                    doing=f"the fence of {transition.name}",
                )
        except sa.exc.DBAPIError as error:
            if error_code(error) not in step.dialect.cannot_fence():
                raise
            step.say(
                f"no fence on {fence.table}: this user may not create triggers "
                f"({error_code(error)}), nor see those of others; the lock alone keeps late "
                "writers out"
            )
            return
        step.say(f"fenced {fence.table}: rows that need {transition.name} are refused")


def _look(step: Step, connection: Connection) -> None:
    """Look behind the fences, where only their absence could let a pending row in."""
    for transition in step.transitions:
        if is_pending(connection, transition, step.reached):
            raise LateWriterError(transition.name)


def _locked(this: Run, segment: Segment) -> None:
    """Lock, look, take the fences away, drop, unlock."""
    step, connection = this.step, this.connection
    looks = [pending_query(connection, each, step.reached) for each in step.transitions]
    locks = lock_statements(step, connection)
    fences = standing(connection, step.transitions)
    try:
        for statement in locks:
            execute(connection, statement)
        if step.override is None:
            _prove(this, [look for look in looks if look is not None])
        else:
            this.left.update(step.abandoned(connection))
        for name, fence in fences.items():
            execute(connection, step.dialect.lift_fence(fence.table, name))
        _send(this, segment.indexes)
    finally:
        _unlock(step, connection)


def _prove(this: Run, looks: Sequence[sa.Select[tuple[object]]]) -> None:
    """Look once more, where nobody can write any more."""
    if any(this.connection.execute(look).first() is not None for look in looks):
        raise LateWriterError
    with this.notes.begin():
        services = tuple(mapped(this.notes, this.step.reached))
    if services:
        raise LateError(services)


def _send(this: Run, indexes: Iterable[int]) -> None:
    """Send each statement that is left between two notes in the history."""
    step = this.step
    for index in [each for each in indexes if each >= this.done]:
        text = step.reached.statements[index].text
        this.write(partial(step.record.intend, index=index, statement=text))
        if step.gone(this.connection, index, in_doubt=index == this.in_doubt):
            step.say(f"statement {index + 1} finds its work done")
        else:
            _send_one(this, index)
        this.write(partial(step.record.did, index=index))
        this.done = index + 1


def _send_one(this: Run, index: int) -> None:
    step = this.step
    try:
        step.send(this.connection, index)
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            this.write(partial(step.record.stopped, index=index))
        if step.may_pass(error):
            raise
        raise step.refused(error, index) from error


def _unlock(step: Step, connection: Connection) -> None:
    statement = step.dialect.unlock_tables()
    if statement and not connection.invalidated:
        execute(connection, statement)
