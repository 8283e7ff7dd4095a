"""Resume: where a migration that was left half applied goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from migrator.apply import concurrent
from migrator.apply.job import tables_of
from migrator.catalogue import present, snapshot
from migrator.errors import HistoryDivergedError, StepError
from migrator.history import digest
from migrator.sql import Kind

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.apply.job import Job
    from migrator.dialects import Dialect
    from migrator.plan import Applied
    from migrator.sql import Statement

Name: TypeAlias = tuple[str, str, str]
"""What kind of thing, of which table, called what."""

SAY = "then say: migrator sync --interrupted ran, or --interrupted missing"


def first_statement(
    connection: Connection, dialect: Dialect, job: Job, *, interrupted: bool | None
) -> int:
    """Return the index of the statement that *job* begins or goes on with.

    Where a run was killed while a statement was on its way, the catalogue says whether it
    ran; where that cannot tell, *interrupted* does. Raises StepError when neither can.
    """
    half = job.step.resumes
    if half is None:
        return 0
    if job.rehearsed and interrupted is not None:
        return len(job.texts) if interrupted else 0
    _check_done(job, half)
    if half.intent is None:
        return half.statement
    statement = _intended(job, half)
    did = interrupted
    if did is None and statement is not None:
        did = ran(connection, dialect, statement)
    if did is None:
        raise _unknown(half, statement)
    return half.statement + did


def ran(connection: Connection, dialect: Dialect, statement: Statement) -> bool | None:
    """Return whether what *statement* does is in the catalogue; None when it cannot tell.

    One statement happens wholly or not at all on every database that migrator knows.
    """
    if statement.kind is Kind.HARMLESS:
        return False
    index = concurrent.index_of(statement) if statement.concurrent else None
    if index is not None:
        return concurrent.valid(connection, dialect, index)
    tables = tables_of(statement.effects)
    known = snapshot(connection, dialect, tables)
    found = {present(each, known) for each in statement.effects}
    return found.pop() if len(found) == 1 else None


@dataclass(slots=True)
class Known:
    """What the catalogue held when it was first asked, and what has been added since."""

    _names: set[Name] | None = None

    def holds(self, connection: Connection, dialect: Dialect, statement: Statement) -> bool:
        """Return whether all that *statement* adds is there before it is sent.

        Then it is refused or does nothing, and nothing could be told from the catalogue.
        """
        index = concurrent.index_of(statement) if statement.concurrent else None
        if index is not None:
            return concurrent.valid(connection, dialect, index)
        if self._names is None:
            held = snapshot(connection, dialect).definitions
            self._names = {_name(key.thing, key.table, key.name) for key in held}
        added = _added(statement)
        return bool(added) and added <= self._names

    def add(self, statement: Statement) -> None:
        """Remember that *statement* was done."""
        if self._names is not None:
            self._names |= _added(statement)


def _added(statement: Statement) -> set[Name]:
    return {
        _name(each.thing, each.table, each.name)
        for each in statement.effects
        if each.verb == "add" and each.name is not None
    }


def _name(thing: str, table: str | None, name: str) -> Name:
    """Return a name without regard to case: one catalogue folds it, another does not."""
    return thing, (table or "").casefold(), name.casefold()


def _check_done(job: Job, half: Applied) -> None:
    """Raise HistoryDivergedError unless what is done is still how the migration begins."""
    if half.statement and half.digest != digest(job.texts[: half.statement]):
        raise HistoryDivergedError(
            f"migration {half.version} {half.name!r} is half applied, and its first "
            f"{half.statement} statements are no longer those that were run",
            hint=f"it looks at the database: look how much of it is done, {SAY}"
            if job.rehearsed
            else "put them back as they were; what comes after them may be mended",
        )


def _intended(job: Job, half: Applied) -> Statement | None:
    """Return the statement that was on its way, unless the migration was edited since."""
    after = (job.statements or ())[half.statement : half.statement + 1]
    return next((each for each in after if digest([each.text]) == half.intent), None)


def _unknown(half: Applied, statement: Statement | None) -> StepError:
    place = f"statement {half.statement + 1} of migration {half.version} {half.name!r}"
    if statement is None:
        what, look = f"{place}, which was edited since", "look what the database has of it"
    else:
        what, look = f"{place}: {statement.text}", f"look for what {statement.label} does"
    return StepError(
        f"a run was killed and it is not known whether it had done {what}",
        number=half.version,
        hint=f"{look}, {SAY}",
    )
