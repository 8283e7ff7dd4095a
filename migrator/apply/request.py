"""A request: what an operator asks for – to bring a database to a version, or only to look."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator import history
from migrator.apply.connection import commits_not_awaited, session_number, transaction
from migrator.apply.cursor import CursorJudge
from migrator.apply.event import Accepted, Finished, ignore, retried
from migrator.apply.foresee import Left, foresee, still_left
from migrator.apply.job import Options, prepare
from migrator.apply.runner import Runner
from migrator.apply.script import script
from migrator.database import errors_are_ours
from migrator.dialects import dialect_of
from migrator.lock import runner_lock
from migrator.patience import Patience
from migrator.session import limit_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

    from migrator.apply.event import Listener
    from migrator.apply.job import Job, Prepared
    from migrator.dialects import Dialect
    from migrator.manifest import Manifest
    from migrator.plan import Applied


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a sync has done."""

    version: int
    """Highest version that is applied now; 0 for none."""
    finished: tuple[Finished, ...] = ()
    left: tuple[Left, ...] = ()


def sync(
    engine: Engine,
    manifest: Manifest,
    options: Options | None = None,
    *,
    on_event: Listener = ignore,
) -> Outcome:
    """Apply what is pending, in order, under the runner's lock.

    Everything is planned, rendered and judged before anything is changed. What fails
    leaves a state from which the next call goes on. Raises LockedError when another
    runner is at work, GuardError for a contract that is blocked, PlanError, MigrationError
    and StepError.
    """
    chosen = options or Options()
    with _connected(engine) as connection:
        return _sync(connection, manifest, chosen, on_event)


def look(engine: Engine, manifest: Manifest, options: Options | None = None) -> Prepared:
    """Return what sync would do now, without a lock and without changing anything."""
    with _connected(engine) as connection:
        with transaction(connection):
            applied = history.read(connection)
        return prepare(applied, manifest, connection.dialect, options or Options())


def write_script(
    engine: Engine, manifest: Manifest, options: Options | None = None
) -> tuple[str, ...]:
    """Return the lines of a script that does what sync would do now; change nothing.

    Raises PlanError for contracts, which only migrator itself can guard.
    """
    chosen = options or Options()
    prepared = look(engine, manifest, chosen)
    with _connected(engine) as connection, transaction(connection):
        return tuple(
            script(
                prepared,
                dialect_of(connection.dialect),
                present=sa.inspect(connection).get_table_names(),
                lock_timeout=chosen.lock_timeout,
            )
        )


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    with errors_are_ours(engine, "migrator sync"), engine.connect() as connection:
        yield connection


def _sync(
    connection: Connection, manifest: Manifest, options: Options, on_event: Listener
) -> Outcome:
    dialect = dialect_of(connection.dialect)
    runner = _runner(connection, dialect, options, on_event)
    with runner_lock(connection):
        applied = runner.patiently(partial(_read, connection))
        prepared = prepare(applied, manifest, connection.dialect, options)
        runner.patiently(partial(foresee, connection, prepared, options))
        runner.patiently(partial(_accept, connection, prepared))
        for each in prepared.edited:
            on_event(Accepted(version=each.applied.version, name=each.entry.name))
        finished = tuple(_carry_out(runner, prepared.jobs))
        left = runner.patiently(lambda: tuple(still_left(connection, prepared)))
    return Outcome(
        version=max((prepared.version, *(each.version for each in finished))),
        finished=finished,
        left=left,
    )


def _carry_out(runner: Runner, jobs: Sequence[Job]) -> Iterator[Finished]:
    # Where every statement commits by itself, the server need not be told so after each job.
    together = runner.dialect.capabilities.transactional_ddl
    begun = nullcontext() if together else transaction(runner.connection)
    with runner.judge.listening(), begun, runner.settling():
        with commits_not_awaited(runner.connection, runner.dialect):
            yield from map(runner.carry_out, jobs[:-1])
        yield from map(runner.carry_out, jobs[-1:])


def _runner(
    connection: Connection, dialect: Dialect, options: Options, on_event: Listener
) -> Runner:
    together = dialect.capabilities.transactional_ddl
    level = dialect.isolation_level() if together else "AUTOCOMMIT"
    if level is not None:
        connection.execution_options(isolation_level=level)
    limit_waiting(connection, dialect, options.lock_timeout)
    patience = Patience(
        engine=connection.engine,
        lock_timeout=options.lock_timeout,
        attempts=options.attempts,
        on_again=lambda again: on_event(retried(again)),
        sleep=options.sleep,
    )
    return Runner(
        connection=connection,
        dialect=dialect,
        judge=CursorJudge(connection=connection, dialect=dialect),
        patience=patience,
        session=session_number(connection, dialect),
        options=options,
        on_event=on_event,
    )


def _read(connection: Connection) -> tuple[Applied, ...]:
    """Return the history, made when there is none."""
    with transaction(connection):
        history.ensure(connection)
        return history.read(connection)


def _accept(connection: Connection, prepared: Prepared) -> None:
    """Take the edited files that the operator has accepted."""
    if not prepared.edited:
        return
    with transaction(connection):
        for each in prepared.edited:
            history.accept(connection, each.applied, name=each.entry.name, hash=each.hash)
