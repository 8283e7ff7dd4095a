"""A sync that is killed at every point: the next one ends in the same state, nothing done twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from typing_extensions import override

from migrator import history
from migrator.apply import Options, Started, sync
from migrator.catalogue import snapshot
from migrator.database import open_engine
from migrator.dialects import dialect_of
from migrator.errors import MigratorError, StepError
from migrator.history import HISTORY, METADATA
from migrator.manifest import Manifest
from tests.guarded import Points
from tests.projects import cloud, expand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migrator.apply import Event
    from tests.databases import Database

pytestmark = pytest.mark.thorough

PROCESSES = multiprocessing.get_context("forkserver")
"""Processes that fork from one that has done nothing but imports: quick, and without threads."""
PROCESSES.set_forkserver_preload(["migrator.apply", "migrator.checkpoint", "tests.guarded"])

MORE = expand(
    'op.add_column("flavors", sa.Column("swap", sa.Integer))',
    'op.create_index("ix_swap", "flavors", ["swap"], postgresql_concurrently=True)',
    'op.create_table("zones", sa.Column("id", sa.Integer, primary_key=True))',
)
State = tuple[dict[str, str], list[tuple[object, ...]]]


def run_and_die(url: str, path: Path, options: Options, at: int) -> None:
    """Run sync and die at point *at*, like a process that is killed -9."""
    engine = open_engine(url)
    with Points(engine, at, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        sync(engine, Manifest.load(path), options)


def run(url: str, path: Path) -> None:
    """Run sync and wait long for its locks."""
    sync(open_engine(url), Manifest.load(path), Options(lock_timeout=60))


def state(engine: sa.Engine) -> State:
    """Return all that a sync leaves behind but when, and by whom."""
    with engine.connect() as connection:
        held = snapshot(connection, dialect_of(engine.dialect)).definitions
        rows: list[tuple[object, ...]] = [
            (each.version, each.name, each.hash, each.state, each.statement, each.intent)
            for each in history.read(connection)
        ]
    return {str(key): each for key, each in held.items()}, rows


def empty(engine: sa.Engine, *, history_too: bool = False) -> None:
    """Drop the tables of the cloud and empty, or drop, those of migrator: all starts afresh."""
    with engine.begin() as connection:
        for name in ("flavors", "zones"):
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
        if history_too:
            METADATA.drop_all(connection)
            return
        for table in METADATA.sorted_tables:
            connection.execute(table.delete())


def died(*arguments: object, target: Callable[..., None] = run_and_die) -> bool:
    """Return whether a process that does *target* was killed before it came to its end."""
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


@pytest.mark.parametrize("expand_only", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_sync_that_is_killed_at_any_point_is_gone_on_with(
    database: Database, tmp_path: Path, *, expand_only: bool
) -> None:
    manifest, options = cloud(tmp_path, add_more=MORE), Options(expand_only=expand_only)
    engine = open_engine(database.url)
    sync(engine, manifest, options)
    wanted = state(engine)
    empty(engine)
    at = 0

    while died(database.url, manifest.path, options, at):
        sync(engine, manifest, options)
        assert state(engine) == wanted, f"killed at point {at}"
        empty(engine)
        at += 1

    assert at > 4 * len(manifest.entries)


class Creations(Points):
    """Points before and after everything that is created."""

    @override
    def _pass(self, *sent: object) -> None:
        if str(sent[2]).lstrip().startswith("CREATE"):
            self._count()


def make_tables_and_die(url: str, at: int) -> None:
    """Make the tables of migrator and die at point *at*."""
    engine = open_engine(url)
    with Creations(engine, at, lambda: os.kill(os.getpid(), signal.SIGKILL)), engine.begin() as c:
        history.ensure(c)


def test_making_the_tables_is_gone_on_with_too(database: Database) -> None:
    engine = open_engine(database.url)
    with engine.begin() as connection:
        history.ensure(connection)
    wanted = state(engine)
    at = 0
    empty(engine, history_too=True)

    while died(database.url, at, target=make_tables_and_die):
        with engine.begin() as connection:
            history.ensure(connection)
        assert state(engine) == wanted, f"killed at point {at}"
        empty(engine, history_too=True)
        at += 1

    assert at > 2 * len(METADATA.tables)


def die_before(url: str, path: Path, text: str) -> None:
    """Run sync and die before the statement that holds *text* is sent."""
    engine = open_engine(url)

    def die(*sent: object) -> None:
        if text in str(sent[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(engine, "before_cursor_execute", die)
    sync(engine, Manifest.load(path))


def test_what_was_there_before_is_not_taken_for_done(database: Database, tmp_path: Path) -> None:
    engine = open_engine(database.url)
    sync(engine, cloud(tmp_path))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE flavors ADD COLUMN swap CHAR(1)"))
    manifest = cloud(tmp_path, add_more=MORE)

    assert died(database.url, manifest.path, "ADD COLUMN swap", target=die_before)

    with pytest.raises(StepError, match="statement 1 of 3"):
        sync(engine, manifest)


# Killed while the server is still at work


def killed_while(
    database: Database, manifest: Manifest, blocker: sa.Connection, waits: Callable[[], bool]
) -> None:
    """Kill a sync while a statement of it waits for *blocker*, which then lets it go on."""
    process = PROCESSES.Process(target=run, args=(database.url, manifest.path))
    process.start()
    while not waits():
        assert process.exitcode is None
        time.sleep(0.01)
    process.kill()
    process.join()
    blocker.close()


@pytest.mark.requires("row_locks")
def test_a_statement_that_outlives_its_runner_is_not_sent_again(
    database: Database, tmp_path: Path
) -> None:
    engine = open_engine(database.url)
    sync(engine, cloud(tmp_path), Options(target="1"))
    blocker = engine.connect()
    blocker.execute(sa.text("SELECT id FROM flavors"))

    killed_while(database, cloud(tmp_path), blocker, lambda: waiting(engine))
    run(database.url, tmp_path / "versions.json")

    assert sync(engine, cloud(tmp_path)).finished == ()
    with engine.connect() as connection:
        assert all(each.complete for each in history.read(connection))


def waiting(engine: sa.Engine) -> bool:
    """Return whether a session waits for a lock on flavors."""
    query = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
        "mysql": "SELECT count(*) FROM information_schema.processlist "
        "WHERE state = 'Waiting for table metadata lock'",
        "mariadb": "SELECT count(*) FROM information_schema.processlist "
        "WHERE state = 'Waiting for table metadata lock'",
    }[engine.dialect.name]
    with engine.connect() as connection:
        return bool(connection.scalar(sa.text(query)))


@pytest.mark.requires("concurrent_index")
def test_a_concurrent_build_that_outlives_its_runner_is_waited_for(
    database: Database, tmp_path: Path
) -> None:
    engine = open_engine(database.url)
    sync(engine, cloud(tmp_path))
    blocker = engine.connect().execution_options(isolation_level="REPEATABLE READ")
    blocker.execute(sa.text("SELECT id FROM flavors"))
    manifest = cloud(tmp_path, add_more=MORE)

    killed_while(database, manifest, blocker, lambda: waiting(engine))
    sync(engine, manifest)

    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = CAST('ix_swap' AS regclass)"
    with engine.connect() as connection:
        assert connection.scalar(sa.text(valid)) is True
        done = sa.select(sa.func.count()).where(HISTORY.c.state == "applied")
        assert connection.scalar(done) == 5


@pytest.mark.requires("kill9")
@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_server_that_is_killed_has_what_the_next_sync_goes_on_from(
    database: Database, tmp_path: Path, number: int
) -> None:
    assert database.server is not None
    engine, manifest = open_engine(database.url), cloud(tmp_path, add_more=MORE)
    server = database.server

    def kill(event: Event) -> None:
        if isinstance(event, Started) and event.version == number:
            server.kill9()

    with pytest.raises(MigratorError):
        sync(engine, manifest, on_event=kill)
    server.restart()

    sync(engine, manifest)
    with engine.connect() as connection:
        rows = history.read(connection)
    assert [(each.version, each.complete) for each in rows] == [(n, True) for n in range(1, 6)]
