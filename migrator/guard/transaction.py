"""A contract where DDL is transactional: look, drop and history commit together.

Where constraints can be validated later, a fence comes first, so that the long look does
not keep anybody waiting; otherwise the look is made under the locks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.guard.fence import Fence, Standing, fence_of, raising, standing
from migrator.guard.held import held, lost
from migrator.guard.locks import lock_statements
from migrator.guard.look import is_pending, mapped, see_every_row, unsaid
from migrator.guard.step import LateError, LateWriterError, Segment, Step, execute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

    from migrator.guard.held import Held
    from migrator.guard.value import Blocker

Fences = dict[str, Fence]
"""Name of a transition → its fence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: the session that locks, looks and drops."""

    step: Step
    connection: Connection
    fences: Fences
    overridden: tuple[Blocker, ...]
    done: int
    """How many statements an earlier run has finished."""
    left: dict[str, int] = field(default_factory=dict)
    """Transition → rows that still needed it when the guard was overridden."""

    @property
    def note(self) -> str | None:
        """What the history keeps of it."""
        return self.step.note(self.overridden, self.left)


def run(step: Step, overridden: tuple[Blocker, ...]) -> None:
    """Run the contract, with fences where the database has them."""
    before = step.dialect.before_rebuild() if callable(step.work) else None
    with step.sessions.connection(before=before) as connection:
        fences = {} if step.override is not None else raise_fences(step, connection)
        begun = step.done(connection)
        this = Run(
            step=step,
            connection=connection,
            fences=fences,
            overridden=overridden,
            done=begun or 0,
        )
        _run(this, begun)


def raise_fences(step: Step, connection: Connection) -> Fences:
    """Fence what a row alone tells, and look at the rows that were there before the fence."""

    def look() -> tuple[Mapping[str, Standing], dict[str, Fence | None]]:
        with step.sessions.transaction(connection):
            there = standing(connection, step.transitions)
            return there, {each.name: fence_of(connection, each) for each in step.transitions}

    there, wanted = step.sessions.run(connection, look, doing="the look for fences")
    fences = {name: fence for name, fence in wanted.items() if fence is not None}
    for name, fence in fences.items():
        for statement in raising(fence, there, step.dialect):
            _alone(step, connection, statement, doing=f"the fence of {name}")
            step.say(f"fenced {fence.table}: rows that need {name} are refused")
        validate = step.dialect.validate_fence(fence.table, fence.name)
        if validate and not (fence.name in there and there[fence.name].valid):
            _validate(step, connection, validate, name)
    return fences


def _run(this: Run, begun: int | None) -> None:
    step = this.step
    segments = list(step.segments(lambda statement: not statement.concurrent))
    for segment in segments:
        if segment.together:
            step.sessions.run(
                this.connection,
                partial(_transact, this, segment, applied=segment is segments[-1]),
                doing=f"contract {step.migration.number}",
            )
        elif segment.indexes[0] >= this.done:
            index = segment.indexes[0]
            _outside(step, this.connection, index, in_doubt=index == begun)
    if not segments or not segments[-1].together:
        step.write(lambda other: step.record.applied(other, this.note))


def _transact(this: Run, segment: Segment, *, applied: bool) -> None:
    """Lock, look, drop and note in one transaction."""
    step, connection = this.step, this.connection
    with step.sessions.transaction(connection):
        for statement in lock_statements(step, connection):
            execute(connection, statement)
        if step.override is None:
            _prove(step, connection, this.fences)
        else:
            this.left.update(step.abandoned(connection))
        before = held(connection) if step.reached.unseen else {}
        _send(step, connection, [index for index in segment.indexes if index >= this.done])
        if before:
            _confess(step, connection, before)
        # What did not go with its column: a fence of its own, or of a run that died.
        for name, fence in standing(connection, step.transitions).items():
            execute(connection, step.dialect.lift_fence(fence.table, name))
        if applied:
            step.record.applied(connection, this.note)
        else:
            step.record.did(connection, segment.indexes[-1])


def _confess(step: Step, connection: Connection, before: Held) -> None:
    """Refuse what was taken away although nobody could read that it would be."""
    taken = lost(before, held(connection))
    blockers = tuple(unsaid(connection, step.reached, taken))
    if blockers:
        raise LateError(blockers)


def _send(step: Step, connection: Connection, indexes: Iterable[int]) -> None:
    """Send what is left to send, in the transaction of *connection*."""
    index = None
    try:
        if callable(step.work):
            step.work(connection)
            return
        for index in indexes:
            if step.gone(connection, index, in_doubt=False):
                step.say(f"statement {index + 1} finds its work done")
            else:
                step.send(connection, index)
    except sa.exc.SQLAlchemyError as error:
        if step.may_pass(error):
            raise
        raise step.refused(error, index) from error


def _prove(step: Step, connection: Connection, fences: Fences) -> None:
    """Look once more, where nobody can write any more: at the fence, or at the rows."""
    see_every_row(connection)
    there = standing(connection, step.transitions)
    for transition in step.transitions:
        fence = fences.get(transition.name)
        if fence is not None and fence.name in there and there[fence.name].valid:
            continue
        if is_pending(connection, transition, step.reached):
            raise LateWriterError(transition.name)
    services = tuple(mapped(connection, step.reached))
    if services:
        raise LateError(services)


def _validate(step: Step, connection: Connection, statement: str, name: str) -> None:
    try:
        _alone(step, connection, statement, doing=f"the look for {name}")
    except sa.exc.IntegrityError as error:
        raise LateWriterError(name) from error


def _alone(step: Step, connection: Connection, statement: str, *, doing: str) -> None:
    """Send *statement* in a transaction of its own, with patience."""

    def send() -> None:
        with step.sessions.transaction(connection):
            execute(connection, statement)

    step.sessions.run(connection, send, doing=doing)


def _outside(step: Step, connection: Connection, index: int, *, in_doubt: bool) -> None:
    """Send a statement that no transaction may hold, between two notes in the history."""
    with step.sessions.transaction(connection):
        if step.gone(connection, index, in_doubt=in_doubt):
            step.record.did(connection, index)
            return
    step.write(lambda other: step.record.intend(other, index, step.reached.statements[index].text))
    with step.sessions.connection(isolation_level="AUTOCOMMIT") as other:
        try:
            step.send(other, index)
        except sa.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            step.write(lambda third: step.record.stopped(third, index))
            raise step.refused(error, index) from error
    step.write(lambda other: step.record.did(other, index))
