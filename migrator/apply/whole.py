"""Whole: a migration and its row in the history in one transaction, all of it or nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from migrator.apply import live
from migrator.apply.connection import transaction
from migrator.catalogue import present, snapshot
from migrator.errors import NotAdditiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

    from migrator.apply.job import Job
    from migrator.apply.runner import Runner
    from migrator.catalogue import Catalogue, Key, May
    from migrator.dialects import Dialect
    from migrator.history import HistoryRecord
    from migrator.sql import Statement


def apply_whole(runner: Runner, job: Job, record: HistoryRecord) -> None:
    """Apply an expand; roll it back when the catalogue has lost anything by it.

    Raises NotAdditiveError then, and LockedError when its locks were not to be had.
    """
    connection, migration = runner.connection, job.migration
    left_alone: list[str] = []
    touched = job.touched

    def attempt() -> None:
        with transaction(connection):
            before = snapshot(connection, runner.dialect, touched)
            with rows_stay(connection, runner.dialect, job):
                _send(runner, job)
            after = snapshot(connection, runner.dialect, touched)
            lost = before.lost_in(after, vouched(job.statements or (), runner.dialect))
            if lost:
                raise NotAdditiveError(
                    f"the database has lost something by it: {'; '.join(lost)}",
                    migration=migration.name,
                    hint="it was rolled back; an expand only adds, what drops is a contract",
                )
            record.record(connection)
            left_alone.extend(there_already(job.statements or (), before))

    runner.patiently(attempt, version=migration.number)
    for each in dict.fromkeys(left_alone):
        runner.note(job, each)


@contextmanager
def rows_stay(connection: Connection, dialect: Dialect, job: Job) -> Iterator[None]:
    """Raise NotAdditiveError when the body changes rows, where *job* runs what cannot be read.

    It may be vouched for: what a DO or a function writes is known only by what it wrote.
    """
    query = dialect.written_rows() if job.runs_unread else None
    before = _written(connection, query)
    yield
    after = _written(connection, query)
    changed = sorted(name for name, count in after.items() if count > before.get(name, 0))
    if changed:
        raise NotAdditiveError(
            f"it changes or deletes rows of {', '.join(changed)}",
            migration=job.migration.name,
            hint="it was rolled back; move rows with a transition",
        )


def _written(connection: Connection, query: str | None) -> dict[str, int]:
    """Return table → rows that this session has written so far."""
    if query is None:
        return {}
    return {row.name: row.written for row in connection.exec_driver_sql(query)}


def there_already(statements: Iterable[Statement], before: Catalogue) -> Iterator[str]:
    """Yield what IF NOT EXISTS found, and left as it is, whatever its definition."""
    for statement in statements:
        for effect in statement.effects:
            if effect.maybe and effect.verb == "add" and present(effect, before):
                yield f"{effect.describe().removeprefix('add ')} was there already: left as it is"


def vouched(statements: Iterable[Statement], dialect: Dialect) -> May:
    """Return what may be changed, because *statements* that were let through say that they do it.

    It is what they replace by name; and the columns that they alter may become wider.
    """
    altered: set[str | None] = set()
    replaced: set[str | None] = set()
    for statement in statements:
        names = {effect.name for effect in statement.effects}
        altered |= names if statement.called.startswith("ALTER COLUMN") else set()
        replaced |= names if "OR REPLACE" in statement.called else set()

    def may(key: Key, before: str, after: str) -> bool:
        if key.thing == "column":
            return key.name in altered and dialect.widens(before, after)
        return key.name.partition("(")[0] in replaced

    return may


def _send(runner: Runner, job: Job) -> None:
    if job.statements is None:
        with runner.judge.judging(job.migration):
            live.run(runner.connection, job.migration, runner.dialect)
        return
    for index in range(len(job.statements)):
        runner.send(job, index)
