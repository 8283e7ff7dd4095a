"""Contract: run a contract's statements so that the last look and the drop are one step."""

from __future__ import annotations

import getpass
import os
import socket
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import sqlalchemy as sa

from migrator.catalogue import present, snapshot
from migrator.dialects import Transient, said, transient
from migrator.errors import GuardError, StepError, TransitionError, error_code
from migrator.guard.hint import IN_USE, hint_for, is_lost
from migrator.guard.look import count, found
from migrator.guard.reach import table_of
from migrator.guard.value import Blocker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.guard.reach import Reach
    from migrator.guard.sessions import Sessions
    from migrator.guard.value import Record, Work
    from migrator.migration import Migration
    from migrator.sql import Effect, Statement
    from migrator.transitions.transition import Transition

WIDTH = 76

Result = TypeVar("Result")


class LateWriterError(Exception):
    """A row that needs a transition came after the first look; never leaves the guard."""


class LateError(LateWriterError):
    """Something else that blocks came, or was found, after the first look."""

    def __init__(self, blockers: tuple[Blocker, ...]) -> None:
        super().__init__()
        self.blockers = blockers


class Segment(NamedTuple):
    """Statements that run one after the other: together under the locks, or each by itself."""

    together: bool
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One contract on its way: what it does, who is told, how long it may wait."""

    migration: Migration
    transitions: tuple[Transition, ...]
    work: Work
    reached: Reach
    dialect: Dialect
    record: Record
    sessions: Sessions
    say: Callable[[str], None]
    """Tells the operator one line."""
    override: str | None = None

    def look(self) -> tuple[Blocker, ...]:
        """Return what blocks the contract at this moment."""
        with self.sessions.connection() as connection:
            return self.sessions.run(
                connection, lambda: self._look(connection), doing="the guard's look"
            )

    def abandoned(self, connection: Connection) -> dict[str, int]:
        """Return how many rows still need each transition; whose table is not there, none."""
        found: dict[str, int] = {}
        for transition in self.transitions:
            with suppress(TransitionError):
                found[transition.name] = count(connection, transition, self.reached)
        return {name: rows for name, rows in found.items() if rows}

    def note(self, blockers: Iterable[Blocker], left: Mapping[str, int]) -> str | None:
        """Return what the history keeps: what was abandoned, and what was overridden by whom.

        *left* are the rows that still needed a transition at the moment of the drop.
        """
        lines = [f"abandoned {what}: {why}" for what, why in self.migration.abandons.items()]
        if self.override is not None:
            moment = datetime.now(UTC)
            lines.append(
                f"guard overridden by {_user()} on {socket.gethostname()} "
                f"at {moment:%Y-%m-%d %H:%M:%S} UTC: {self.override}"
            )
            lines += [f"overridden: {blocker}" for blocker in blockers]
            lines += [f"rows that still needed {each}: {rows}" for each, rows in left.items()]
        return "\n".join(lines) or None

    def segments(self, together: Callable[[Statement], bool]) -> Iterator[Segment]:
        """Yield runs of statements; those for which *together* is true need the locks."""
        run: list[int] = []
        for index, statement in enumerate(self.reached.statements):
            if together(statement):
                run.append(index)
                continue
            if run:
                yield Segment(together=True, indexes=tuple(run))
            yield Segment(together=False, indexes=(index,))
            run = []
        if run or callable(self.work):
            yield Segment(together=True, indexes=tuple(run))

    def write(self, work: Callable[[Connection], None]) -> None:
        """Write the record over a connection of its own."""
        with self.sessions.connection() as connection:
            self._transact(connection, lambda: work(connection))

    def done(self, connection: Connection) -> int | None:
        """Return how many statements an earlier run has finished, None when there was none."""
        return self._transact(connection, lambda: self.record.done(connection))

    def _transact(self, connection: Connection, work: Callable[[], Result]) -> Result:
        """Do *work* on the history in a transaction; SQLite makes it wait for its one writer."""

        def once() -> Result:
            with self.sessions.transaction(connection):
                return work()

        return self.sessions.run(connection, once, doing="the history")

    def gone(self, connection: Connection, index: int, *, in_doubt: bool) -> bool:
        """Return whether the catalogue says that statement *index*, sent next, is done already.

        That is asked of one that is *in_doubt*, because an earlier run died while it was on
        its way; and of columns and tables, of which the contract says what becomes of them.
        Of anything else it may be that the name is misspelt, or that it is there for now only.
        """
        statement = self.reached.statements[index]
        effects = statement.effects
        drops = all(_drops_data(effect) for effect in effects)
        if not effects or not (drops or in_doubt) or _builds(statement):
            return False
        tables = [table_of(effect) for effect in effects]
        named = {table.table for table in tables if table is not None}
        known = snapshot(connection, self.dialect, None if None in tables else named)
        return all(present(effect, known) for effect in effects)

    def send(self, connection: Connection, index: int) -> None:
        """Send statement *index* as it was rendered; raise StepError when it is refused."""
        text = self.reached.statements[index].text
        ways = self.dialect.cheapest(text)
        for way in ways:
            try:
                # As it is: no driver shall read a percent sign as a place for a value.
                connection.exec_driver_sql(way, execution_options={"no_parameters": True})
            except sa.exc.DBAPIError as error:
                if way is not ways[-1] and error_code(error) in self.dialect.not_this_way():
                    continue
                raise
            if len(ways) > 1 and way is ways[-1]:
                self.say(f"statement {index + 1} copied the table while its writers waited")
            return

    def refused(self, error: sa.exc.SQLAlchemyError, index: int | None = None) -> StepError:
        """Return the driver's *error* as ours."""
        return refused(self.migration, self.dialect, error, index)

    def may_pass(self, error: sa.exc.SQLAlchemyError) -> bool:
        """Return whether *error* is one of those that patience tries again."""
        return transient(self.dialect, error) not in {None, Transient.LOST}

    def _look(self, connection: Connection) -> tuple[Blocker, ...]:
        with self.sessions.transaction(connection):
            return tuple(found(connection, self.transitions, self.reached))


def _drops_data(effect: Effect) -> bool:
    return effect.verb == "drop" and effect.thing in {"column", "table"}


def _builds(statement: Statement) -> bool:
    """Return whether what is there may be what a failed build has left."""
    return statement.concurrent and any(effect.verb == "add" for effect in statement.effects)


def refused(
    migration: Migration, dialect: Dialect, error: sa.exc.SQLAlchemyError, index: int | None = None
) -> StepError:
    """Return the driver's *error*, at statement *index*, as ours and with what to do about it."""
    which = "" if index is None else f"statement {index + 1} of "
    became = "lost its connection" if is_lost(dialect, error) else "was refused"
    return StepError(
        f"{which}{migration.name} {became}: {said(dialect, error)}",
        number=migration.number,
        hint=hint_for(dialect, error, otherwise=IN_USE),
    )


def refusal(migration: Migration, blockers: Sequence[Blocker], *, done: int = 0) -> GuardError:
    """Return the error that names each of *blockers* and the command that leads on.

    *done* statements of the contract were through before, by this run or an earlier one.
    """
    which = "statement is" if done == 1 else f"{done} statements are"
    changed = f"its first {which} done, the rest is not" if done else "nothing was changed"
    lines = [f"contract {migration.number} {migration.name} is blocked, {changed}"]
    for blocker in blockers:
        lines += textwrap.wrap(str(blocker), WIDTH, initial_indent="  ", subsequent_indent="    ")
        if blocker.sample:
            keys = f"rows {'; '.join(blocker.sample)}"
            lines += textwrap.wrap(keys, WIDTH, initial_indent="    ", subsequent_indent="    ")
        lines.append(f"    run: {blocker.command}")
    return GuardError("\n".join(lines), blockers=blockers)


def late(step: Step, error: LateWriterError) -> GuardError:
    """Return the refusal after a late writer: with what is pending now, or was a moment ago."""
    blockers = error.blockers if isinstance(error, LateError) else step.look()
    with step.sessions.connection() as connection:
        done = step.done(connection) or 0
    return refusal(step.migration, blockers or tuple(map(_gone_again, step.transitions)), done=done)


def _gone_again(transition: Transition) -> Blocker:
    return Blocker(
        table=transition.table,
        transition=transition.name,
        reason=f"rows that need {transition.name} were written while the contract began",
        command="migrator sync",
    )


def execute(connection: Connection, text: str) -> None:
    """Send *text* of the guard's own: SQLAlchemy has quoted its names for the driver."""
    connection.exec_driver_sql(text)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
