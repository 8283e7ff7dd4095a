"""What code under test can leave in a database to get at the runner, which looks at it after."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.databases import Places, open_database
from ci.errors import SetupError
from ci.timing import Engine
from tests.ci import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.databases.base import Access, Database


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with served.places() as made:
        yield made


@pytest.fixture(scope="module")
def postgresql(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    data = served.shop(Engine.POSTGRESQL, tmp_path_factory.mktemp("postgresql"))
    with open_database(data, places) as opened:
        opened.restore(data)
        opened.keep("first")
        yield opened


@pytest.fixture
def sqlite(places: Places, tmp_path: Path) -> Iterator[Database]:
    data = served.shop(Engine.SQLITE, tmp_path)
    with open_database(data, places) as opened:
        opened.restore(data)
        yield opened


def ask(access: Access, *statements: str) -> list[object]:
    engine = sa.create_engine(access.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        results = [connection.exec_driver_sql(each) for each in statements]
        return [row[0] for row in results[-1]] if results[-1].returns_rows else []


def test_a_sort_without_an_end_leaves_room_on_the_disk(postgresql: Database) -> None:
    (limit,) = ask(postgresql.migrating(), "SELECT current_setting('temp_file_limit')")
    assert str(limit) != "-1"
    with pytest.raises(sa.exc.DBAPIError, match="permission denied to set parameter"):
        ask(postgresql.migrating(), "SET temp_file_limit = -1")


SPY = """
CREATE FUNCTION evil.spy() RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
INSERT INTO evil.seen VALUES (current_user);
RETURN 'public';
END $f$
"""


def test_no_function_of_the_code_under_test_runs_in_our_sessions(postgresql: Database) -> None:
    """Drivers ask for `pg_type` and `current_schema()` before we can say where to look."""
    ask(
        postgresql.migrating(),
        "CREATE SCHEMA evil",
        "CREATE TABLE evil.seen (who text)",
        "GRANT ALL ON evil.seen TO PUBLIC",
        "GRANT USAGE ON SCHEMA evil TO PUBLIC",
        SPY,
        "CREATE FUNCTION evil.current_schema() RETURNS text LANGUAGE sql AS 'SELECT evil.spy()'",
        "CREATE VIEW evil.pg_type AS SELECT t.*, evil.spy() FROM pg_catalog.pg_type t",
        "GRANT SELECT ON evil.pg_type TO PUBLIC",
        "ALTER DATABASE app SET search_path = evil, pg_catalog",
    )
    postgresql.sizes()
    postgresql.schema()
    ask(postgresql.watching(), "SELECT 1")
    ask(postgresql.probing(), "SELECT 1")

    found = ask(postgresql.watching(), "SELECT who FROM evil.seen")
    postgresql.reset("first")
    assert found == []


def journal(names: Path, *, pages: int) -> bytes:
    """Return the journal of a transaction over several files, of which *names* leads all."""
    size, magic = 4096, bytes.fromhex("d9d505f920a163d7")
    name = bytes(names)
    head = magic + struct.pack(">IIIII", 0, 1, pages, 512, size)
    tail = struct.pack(">I", 0x40000000 // size + 1) + name
    return head.ljust(512, b"\0") + tail + struct.pack(">II", len(name), sum(name)) + magic


def test_a_journal_has_no_other_file_removed(sqlite: Database, tmp_path: Path) -> None:
    """SQLite removes what a journal names as its leader, with the rights of who opens it."""
    victim = tmp_path / "victim"
    victim.write_text("ours")
    file = sqlite.migrating().bind / "app.db"
    pages = file.stat().st_size // 4096
    file.with_name("app.db-journal").write_bytes(journal(victim, pages=pages))

    with pytest.raises(SetupError, match="names another file"):
        sqlite.sizes()
    assert victim.exists()


def test_an_endless_table_is_not_counted(sqlite: Database) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT i, i FROM n"
    ask(
        sqlite.migrating(),
        f"CREATE VIEW numbers(rowid, word) AS {endless}",
        "CREATE VIRTUAL TABLE found USING fts5(word, content='numbers')",
    )
    assert sqlite.sizes()["orders"][0] == 1000


def test_what_looks_at_a_file_has_a_deadline(tmp_path: Path) -> None:
    data = served.shop(Engine.SQLITE, tmp_path)
    with served.places(seconds=0.5) as places, open_database(data, places) as database:
        database.restore(data)
        began = time.monotonic()
        with pytest.raises(SetupError), database._looking() as connection:  # type: ignore[attr-defined]
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT max(i) FROM n"
            )
        assert time.monotonic() - began < 10


def test_a_file_that_was_damaged_is_told(sqlite: Database) -> None:
    file = sqlite.migrating().bind / "app.db"
    for left in (4096, 16):
        file.write_bytes(file.read_bytes()[:left] + b"x" * 100_000)
        with pytest.raises(SetupError, match="no database any more"):
            sqlite.sizes()
    with pytest.raises(SetupError, match="no database any more"):
        sqlite.schema()


def test_endless_folders_stop_nobody(sqlite: Database) -> None:
    here = sqlite.migrating().bind
    there = here
    for _ in range(100):
        there = there / ("d" * 20)
    there.mkdir(parents=True)
    there.chmod(0)
    sqlite.end_sessions()

    assert [each.name for each in here.iterdir()] == ["app.db"]
    sqlite.cool()


def test_a_reset_of_a_server_takes_back_what_was_changed(postgresql: Database) -> None:
    ask(postgresql.migrating(), "CREATE TABLE more AS SELECT * FROM orders")
    ask(postgresql.migrating(), "UPDATE orders SET sum = 0 WHERE id = 7")
    postgresql.reset("first")

    assert ask(postgresql.migrating(), "SELECT sum FROM orders WHERE id = 7") == [7]
    assert "more" not in postgresql.schema()


def test_a_superuser_reaches_neither_a_network_nor_our_files(
    postgresql: Database, places: Places
) -> None:
    """Should the code under test ever become one; `test_alone.py` tries more."""
    ours = places.runs.parent / "readable"
    ours.write_text("canary")
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        port = tcp.getsockname()[1]
        reach = f"bash -c 'echo out > /dev/tcp/127.0.0.1/{port}' && echo reached"
        found = served.shell(postgresql, f"{reach}; cat {ours} /etc/hosts; ls {places.runs.parent}")
    assert found == ["runs"]


def test_no_extension_of_a_dump_gets_at_the_network(places: Places, tmp_path: Path) -> None:
    text = "CREATE EXTENSION dblink WITH SCHEMA public;\nCREATE TABLE t (a int);\n"
    data = served.shop(Engine.POSTGRESQL, tmp_path, text)
    with open_database(data, places) as database:
        database.restore(data)
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied for function"):
            ask(database.migrating(), "SELECT dblink_connect('host=192.0.2.1 password=x')")
