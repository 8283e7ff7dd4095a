"""A script: what sync would send, written for the database's own client and a DBA to run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from migrator.errors import PlanError
from migrator.history import HISTORY, METADATA, values_of
from migrator.migration import Phase
from migrator.plan import APPLIED, APPLYING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from sqlalchemy.engine import Dialect as SQLAlchemyDialect

    from migrator.apply.job import Job, Prepared
    from migrator.dialects import Dialect
    from migrator.plan import Applied, Edited


def script(
    prepared: Prepared, dialect: Dialect, *, present: Collection[str], lock_timeout: float
) -> Iterator[str]:
    """Yield the lines of a script that does what sync would do.

    It notes in the history what it does as sync would, so that sync can go on from it, also
    when it stops half way. *present* are the tables that the database has. Raises PlanError
    for what only migrator itself can do safely.
    """
    for job in prepared.jobs:
        _refuse(job)
    writer = Writer(dialect=dialect, lock_timeout=lock_timeout)
    yield f"-- migrator sync to version {prepared.plan.target}, for {dialect.name}"
    for each in prepared.plan.left:
        yield f"-- left pending: contract {each.number} {each.name}"
    yield from dialect.script_head(lock_timeout)
    yield from writer.tables(present)
    yield from writer.place(prepared.applied)
    yield from (writer.accept(each) for each in prepared.edited)
    for job in prepared.jobs:
        yield ""
        yield f"-- {job.migration.number} {job.migration.name}"
        yield from writer.whole(job) if job.fits_one_transaction(dialect) else writer.steps(job)
    yield ""
    yield from dialect.script_foot()


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes statements as the client of *dialect* reads them."""

    dialect: Dialect
    lock_timeout: float

    def tables(self, present: Collection[str]) -> Iterator[str]:
        """Yield what creates those of migrator's own tables that are missing."""
        for table in METADATA.sorted_tables:
            if table.name not in present:
                yield self._text(CreateTable(table))
                yield from (self._text(CreateIndex(index)) for index in table.indexes)

    def place(self, applied: Sequence[Applied]) -> Iterator[str]:
        """Yield what fails in a database that is not where the script begins.

        What lies between would be left out, and nothing else need stumble over that.
        """
        done = [each.version for each in applied]
        rows = sa.select(sa.func.count()).select_from(HISTORY)
        known = rows.where(HISTORY.c.version.in_(done))
        here = sa.and_(*(each.scalar_subquery() == len(done) for each in (rows, known)))
        yield f"-- Fails unless {_told(done)} applied here: the script begins after that."
        yield self.dialect.script_statement(self.dialect.stop_unless(self._plain_text(here)))

    def accept(self, each: Edited) -> str:
        """Return what takes the files of an applied migration as they are now."""
        number = each.applied.version
        values = {"name": each.entry.name, "hash": each.hash, "note": "edited since; accepted"}
        return self._text(HISTORY.update().where(HISTORY.c.version == number).values(values))

    def whole(self, job: Job) -> Iterator[str]:
        """Yield a migration and its row in the history in one transaction."""
        yield f"{self.dialect.begin()};"
        yield from map(self.dialect.script_statement, job.texts)
        yield self._row(job, len(job.texts), new=True)
        yield "COMMIT;"

    def steps(self, job: Job) -> Iterator[str]:
        """Yield a migration statement by statement, with a note before and after each."""
        limit, no_limit = (
            f"{self.dialect.set_lock_timeout(each)};" for each in (self.lock_timeout, 0)
        )
        for index, statement in enumerate(job.statements or ()):
            text = self.dialect.script_statement(statement.text)
            yield self._row(job, index, intent=statement.text, new=index == 0)
            yield from (no_limit, text, limit) if statement.concurrent else (text,)
        yield self._row(job, len(job.texts), new=not job.texts)

    def _row(self, job: Job, done: int, *, intent: str | None = None, new: bool) -> str:
        """Return what writes the row of *job* when *done* of its statements are done."""
        now: sa.ColumnElement[Any] = sa.literal_column(self.dialect.utc_now())
        finished = intent is None and done == len(job.texts)
        values: dict[str, Any] = values_of(
            job.migration,
            job.texts,
            state=APPLIED if finished else APPLYING,
            done=done,
            intent=intent,
        )
        values |= {"applied_at": now} if finished else {}
        if new:
            return self._text(HISTORY.insert().values(values | {"started_at": now}))
        told = {"state", "applied_at", "statement", "digest", "intent"}
        row = HISTORY.update().where(HISTORY.c.version == job.migration.number)
        return self._text(row.values({key: values[key] for key in told & values.keys()}))

    def _text(self, construct: sa.ClauseElement) -> str:
        return self.dialect.script_statement(self._plain_text(construct))

    def _plain_text(self, construct: sa.ClauseElement) -> str:
        is_ddl = isinstance(construct, sa.schema.ExecutableDDLElement)
        options = {} if is_ddl else {"literal_binds": True}
        compiled = construct.compile(dialect=_plain(self.dialect), compile_kwargs=options)
        return str(compiled).strip()


def _told(numbers: Sequence[int]) -> str:
    """Return *numbers* in words, with runs of them: versions 1 to 11 and 18 are."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    said = [" to ".join(map(str, run)) for run in runs]
    if not said:
        return "nothing is"
    return f"exactly {', '.join(said)} {'are' if len(numbers) > 1 else 'is'}"


@cache
def _plain(dialect: Dialect) -> SQLAlchemyDialect:
    """Return SQLAlchemy's dialect for text that no driver looks at for parameters."""
    made: Callable[..., SQLAlchemyDialect] = sa.make_url(f"{dialect.sqlalchemy}://").get_dialect()
    return made(paramstyle="named")


def _refuse(job: Job) -> None:
    """Raise PlanError for a job that cannot be written down safely."""
    migration = job.migration
    place = f"migration {migration.number} {migration.name!r}"
    if migration.phase is Phase.CONTRACT:
        raise PlanError(
            f"{place} is a contract, which a script cannot guard: what is pending, and who "
            "still maps what is dropped, is looked up in the step that drops",
            hint="write the expands with --expand-only --sql, and run the contract with "
            "migrator sync",
        )
    if job.statements is None:
        raise PlanError(
            f"{place} is known only while it runs and cannot be written down",
            hint="apply it with migrator sync, or give it a NAME.DIALECT.sql",
        )
    if job.step.resumes is not None:
        raise PlanError(
            f"{place} is half applied", hint="finish it with migrator sync, then write the script"
        )
