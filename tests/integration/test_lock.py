"""The runner's lock: one holder at a time, who can be named, and who frees it by dying."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.database import open_engine
from migrator.dialects import Transient, dialect_of, transient
from migrator.errors import ApplyError, LockedError
from migrator.history import RUNNER
from migrator.lock import FileLock, Session, blockers, runner_lock
from tests.databases import fresh
from tests.synced import send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine

    from tests.databases import Database, Servers

HOLDER = """
import sys
from migrator.database import open_engine
from migrator.dialects import Transient, dialect_of, transient
from migrator.lock import runner_lock

with open_engine(sys.argv[1]).connect() as connection, runner_lock(connection):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """Yield another process that holds the lock of the database at *url*."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def refused(engine: Engine) -> str:
    """Return what a runner is told that finds the lock taken."""
    with (
        engine.connect() as connection,
        pytest.raises(LockedError) as caught,
        runner_lock(connection, wait=0),
    ):
        pass
    return caught.value.message


def test_a_second_runner_is_told_who_holds_the_lock(database: Database) -> None:
    engine = open_engine(database.url)

    with other_process(database.url) as process:
        assert f"process {process.pid}, since 20" in refused(engine)


def test_the_lock_is_free_when_its_holder_was_killed(database: Database) -> None:
    engine = open_engine(database.url)

    with other_process(database.url) as process:
        process.kill()
        process.wait()
        with engine.connect() as connection, runner_lock(connection, wait=30):
            pass


def test_a_second_thread_is_refused(database: Database) -> None:
    engine = open_engine(database.url)
    said: list[str] = []

    with engine.connect() as connection, runner_lock(connection):
        thread = threading.Thread(target=lambda: said.append(refused(engine)))
        thread.start()
        thread.join()

    assert "another migrator runs on this database" in said[0]


def test_the_lock_is_free_after_an_error(database: Database) -> None:
    engine = open_engine(database.url)

    with engine.connect() as connection:
        with pytest.raises(ZeroDivisionError), runner_lock(connection):
            raise ZeroDivisionError
        with engine.connect() as other, runner_lock(other, wait=0):
            pass


def test_other_databases_of_a_server_have_locks_of_their_own(
    database: Database, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for second in fresh(database.name, servers, tmp_path_factory.mktemp("second")):
        with (
            open_engine(database.url).connect() as one,
            open_engine(second.url).connect() as other,
            runner_lock(one),
            runner_lock(other, wait=0),
        ):
            pass


@pytest.mark.requires("advisory_locks")
def test_a_holder_without_a_note_is_named_by_its_session(database: Database) -> None:
    engine = open_engine(database.url)

    with engine.connect() as connection, runner_lock(connection):
        with engine.begin() as other:
            other.execute(RUNNER.delete())
        said = refused(engine)

    assert "session " in said
    assert "since " in said


@pytest.mark.requires("advisory_locks")
def test_blockers_name_the_session_in_the_way(database: Database) -> None:
    engine = open_engine(database.url)
    table = sa.Table("flavors", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    table.create(engine)

    with engine.connect() as reader, engine.connect() as writer:
        reader.execute(sa.select(table))
        waiting = threading.Thread(target=lambda: drop(writer, table))
        numbers = [session(each) for each in (reader, writer)]
        waiting.start()
        found = wait_for_blockers(engine, numbers[1])
        reader.rollback()
        waiting.join()

    assert [each.session for each in found] == numbers[:1]
    assert "in transaction" in str(found[0]) or "in a transaction" in str(found[0])


def session(connection: Connection) -> int:
    function = "pg_backend_pid" if connection.dialect.name == "postgresql" else "connection_id"
    return int(connection.scalar(sa.text(f"SELECT {function}()")))


def drop(connection: Connection, table: sa.Table) -> None:
    table.drop(connection)
    connection.commit()


def wait_for_blockers(engine: Engine, number: int) -> tuple[Session, ...]:
    found: tuple[Session, ...] = ()
    while not found:
        with engine.connect() as connection:
            found = blockers(connection, number)
    return found


def test_a_lock_file_goes_with_its_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'cloud.db'}"

    with open_engine(url).connect() as connection, runner_lock(connection):
        assert (tmp_path / "cloud.db.migrator-lock").exists()
    assert not (tmp_path / "cloud.db.migrator-lock").exists()


def test_a_file_that_a_dead_process_left_locks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db.migrator-lock"
    path.write_text("{}")
    lock = FileLock(path)

    assert lock.take()
    lock.give_back()


def test_a_file_that_was_removed_while_it_was_opened_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = FileLock(tmp_path / "lock")
    flock = __import__("fcntl").flock

    def removed_before(file: int, how: int) -> None:
        lock.path.unlink()
        flock(file, how)

    monkeypatch.setattr("fcntl.flock", removed_before)
    assert not lock.take()


def test_a_lock_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "missing" / "cloud.db.migrator-lock")

    with pytest.raises(ApplyError, match=r"lock cannot be taken: .*No such file"):
        lock.take()


def test_a_database_in_memory_needs_no_lock() -> None:
    engine = open_engine("sqlite://")

    with engine.connect() as connection, runner_lock(connection):
        assert connection.scalar(sa.text("SELECT 1")) == 1


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_a_table_that_was_altered_may_be_read_by_the_next_transaction(database: Database) -> None:
    engine = database.engine()
    send(engine, "CREATE TABLE a (id INTEGER)", "CREATE TABLE b (id INTEGER, old INTEGER)")
    with engine.connect() as reader:
        reader.execute(sa.text("SELECT id FROM a"))
        send(engine, "ALTER TABLE b DROP COLUMN old, ALGORITHM=COPY")
        with pytest.raises(sa.exc.OperationalError) as caught:
            reader.execute(sa.text("SELECT id FROM b"))
        assert transient(dialect_of(engine.dialect), caught.value) is Transient.ALTERED
        reader.rollback()
        assert reader.execute(sa.text("SELECT id FROM b")).all() == []
