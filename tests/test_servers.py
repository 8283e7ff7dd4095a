"""The servers of the tests: drivers, crashes, and what a killed run leaves behind."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import SERVERS, folders, private, processes

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parent.parent
ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
ON_SERVERS = pytest.mark.parametrize("database", list(SERVERS), indirect=True)


def test_each_driver_reads_what_it_wrote(driver: Database) -> None:
    with driver.engine().begin() as connection:
        connection.execute(sa.text("CREATE TABLE flavors (name VARCHAR(20))"))
        connection.execute(sa.text("INSERT INTO flavors VALUES (:name)"), {"name": "größe 🙂"})
        name = connection.scalar(sa.text("SELECT name FROM flavors"))

    assert name == "größe 🙂"


@pytest.mark.parametrize("database", list(ASYNC_DRIVERS), indirect=True)
def test_asynchronous_drivers_connect(database: Database) -> None:
    async def ask() -> object:
        engine = create_async_engine(database.through(ASYNC_DRIVERS[database.name]).url)
        async with engine.connect() as connection:
            answer = await connection.scalar(sa.text("SELECT 42"))
        await engine.dispose()
        return answer

    assert asyncio.run(ask()) == 42


def test_a_database_is_empty(engine: sa.Engine) -> None:
    assert sa.inspect(engine).get_table_names() == []

    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE flavors (id INTEGER)"))


@ON_SERVERS
def test_a_database_is_dropped_while_a_session_uses_it(database: Database) -> None:
    assert database.server
    name = database.server.create_database()
    engine = sa.create_engine(database.server.url(name))
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        database.server.drop_database(name)
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT 1"))
    engine.dispose()


@ON_SERVERS
@pytest.mark.requires("kill9")
def test_a_killed_server_keeps_what_was_committed(database: Database) -> None:
    assert database.server
    engine = database.engine()
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE flavors (id INTEGER PRIMARY KEY)"))
    for number in range(200):
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO flavors VALUES (:id)"), {"id": number})

    database.server.kill9()
    with pytest.raises(sa.exc.OperationalError), engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    database.server.restart()

    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM flavors")) == 200


@pytest.mark.parametrize("server", list(SERVERS))
def test_servers_of_a_killed_run_are_swept(server: str) -> None:
    killed = subprocess.Popen(
        [sys.executable, "-c", OWNER, server], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout
    with killed:
        folder = Path(killed.stdout.readline().strip())
        killed.kill()
    assert running_in(folder)

    folders.sweep()

    assert not running_in(folder)
    assert not folder.exists()


OWNER = """
import sys, time
from tests.servers import SERVERS
server = SERVERS[sys.argv[1]].private()
print(server.process.folder, flush=True)
time.sleep(600)
"""


def running_in(folder: Path) -> list[int]:
    return [
        pid for program in folders.PROGRAMS for pid in processes.running(program, folder=folder)
    ]


def test_a_folder_is_made_where_a_socket_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 20)))
    folder = folders.make_folder("postgresql", user=None)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
    folders.remove_folder(folder)


def test_a_living_owner_keeps_its_folder() -> None:
    folder = folders.make_folder("postgresql", user=None)

    folders.sweep()

    assert folder.exists()
    folders.remove_folder(folder)


def test_a_missing_program_is_an_error_that_names_its_package() -> None:
    with pytest.raises(private.MissingServerError, match="apt-get install postgresql"):
        private.find_program("no-such-initdb", folders=(), package="postgresql")


def test_a_dead_process_has_not_started() -> None:
    with subprocess.Popen(["true"]) as process:
        give_up = time.monotonic() + 10
        while processes.started(process.pid) and time.monotonic() < give_up:
            time.sleep(0.01)

        assert processes.started(process.pid) is None
