"""Live databases: what is dumped and loaded is there again, or nothing looks complete."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, BinaryIO

import pytest
import sqlalchemy as sa

from anonymizer.errors import AnonymizerError, DumpError, ToolError
from anonymizer.live import copy_live, dumped, loaded, read_url, sqlite_path
from tests.servers import processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anonymizer.live.base import Sink
    from tests.databases import Servers

SERVERS = ("postgresql", "mariadb")


@pytest.fixture(params=SERVERS)
def urls(request: pytest.FixtureRequest, servers: Servers) -> Iterator[tuple[sa.URL, sa.URL]]:
    """The URLs of two empty databases of one server."""
    server = servers[request.param]
    names = [server.create_database() for _ in range(2)]
    yield read_url(server.url(names[0])), read_url(server.url(names[1]))
    for name in names:
        server.drop_database(name)


ROWS = ((1, "Ann", b"\0\xff"), (2, "O'Brien\n\\.\t\\N", None), (3, "\u00e9\U0001f600", b""))


def fill(url: sa.URL, count: int = 0) -> None:
    """Make tables with a key, a view, nasty values, and *count* rows more."""
    metadata = sa.MetaData()
    people = sa.Table(
        "people",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("data", sa.LargeBinary),
    )
    sa.Table(
        "Odd Name",
        metadata,
        sa.Column("person", sa.ForeignKey("people.id"), primary_key=True),
    )
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        metadata.create_all(connection)
        rows: list[dict[str, object]] = [
            dict(zip(("id", "name", "data"), row, strict=True)) for row in ROWS
        ]
        more: list[dict[str, object]] = [
            {"id": 10 + n, "name": f"name {n} {'x' * 100}", "data": b""} for n in range(count)
        ]
        connection.execute(people.insert(), rows + more)
        connection.execute(metadata.tables["Odd Name"].insert(), [{"person": 2}])
        connection.exec_driver_sql("CREATE VIEW seen AS SELECT name FROM people")
    engine.dispose()


def dump(url: sa.URL) -> list[bytes]:
    """Return the lines of a dump, but for those that tell runs apart."""
    with dumped(url, note=print) as stream:
        lines = stream.read().splitlines()
    return [each for each in lines if not each.startswith((b"--", b"\\restrict", b"\\unrestrict"))]


def names(url: sa.URL) -> set[str]:
    """Return the names of the tables and views of a database."""
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    found = {*inspector.get_table_names(), *inspector.get_view_names()}
    engine.dispose()
    return found


def pour(source: BinaryIO, target: Sink) -> None:
    shutil.copyfileobj(source, target)


def test_all_is_there_again(urls: tuple[sa.URL, sa.URL]) -> None:
    source, target = urls
    fill(source)
    notes: list[str] = []
    copy_live(source, target, pour, note=notes.append)
    assert dump(target) == dump(source)
    engine = sa.create_engine(target)
    with engine.connect() as connection:
        people = sa.table("people", *map(sa.column, ("id", "name", "data")))
        found = connection.execute(sa.select(people).order_by(people.c.id))
        assert [(a, b, c if c is None else bytes(c)) for a, b, c in found] == list(ROWS)
    engine.dispose()
    assert notes == ["1 foreign keys were checked: 1 hold"]


def test_a_target_that_is_not_empty_is_refused(urls: tuple[sa.URL, sa.URL]) -> None:
    source, target = urls
    fill(source)
    fill(target)
    before = dump(target)
    with pytest.raises(AnonymizerError, match=r"target is not empty: it has .*people"):
        copy_live(source, target, pour, note=print)
    assert dump(target) == before


def test_one_database_is_refused(urls: tuple[sa.URL, sa.URL]) -> None:
    with pytest.raises(AnonymizerError, match="are one database"):
        copy_live(urls[0], urls[0], pour, note=print)


def failing(source: BinaryIO, target: Sink) -> None:
    """Fail when all is written but the end."""
    target.write(source.read())
    target.flush()
    raise DumpError("a mask refuses")


def test_an_error_of_a_mask_leaves_nothing_that_looks_complete(
    urls: tuple[sa.URL, sa.URL],
) -> None:
    source, target = urls
    fill(source)
    with pytest.raises(DumpError, match="a mask refuses") as error:
        copy_live(source, target, failing, note=print)
    assert_incomplete(target, error.value)


def assert_incomplete(target: sa.URL, error: AnonymizerError | None = None) -> None:
    if target.get_backend_name() == "postgresql":
        assert names(target) == set()
        return
    assert error is None or "half loaded" in (error.hint or "")
    if not names(target):  # it was ended before it had begun
        return
    assert "anonymizer_is_loading" in names(target)
    with (
        pytest.raises(AnonymizerError, match="as an earlier run did not end"),
        loaded(target, note=print),
    ):
        pass


def doubling(source: BinaryIO, target: Sink) -> None:
    """Make two names alike."""
    target.write(source.read().replace(b"Ann", b"\xc3\xa9\xf0\x9f\x98\x80"))


def test_what_cannot_be_loaded_is_said_without_a_value(urls: tuple[sa.URL, sa.URL]) -> None:
    source, target = urls
    fill(source)
    with pytest.raises(ToolError, match=r"unique.*name|during COMMIT") as error:
        copy_live(source, target, doubling, note=print)
    assert "\u00e9" not in f"{error.value} {error.value.hint}"
    assert_incomplete(target, error.value)


def misfit(source: BinaryIO, target: Sink) -> None:
    """Put a word where a number belongs, and where nothing does."""
    text = source.read()
    text = text.replace(b"\n1\tAnn", b"\nAnnSecret\tAnn")
    target.write(text.replace(b"(1,'Ann'", b"(1 'AnnSecret'"))


def test_a_value_of_a_wrong_kind_is_not_said(urls: tuple[sa.URL, sa.URL]) -> None:
    source, target = urls
    fill(source)
    with pytest.raises(ToolError) as error:
        copy_live(source, target, misfit, note=print)
    assert "AnnSecret" not in f"{error.value} {error.value.hint}"
    where = r"row 1 of table people, column id|at line \d+ of the dump"
    assert re.search(where, str(error.value))
    assert_incomplete(target, error.value)


def test_a_database_that_is_not_there_is_named(urls: tuple[sa.URL, sa.URL]) -> None:
    absent = urls[0].set(database="absent")
    with pytest.raises(ToolError, match="absent"), dumped(absent, note=print):
        pass
    with pytest.raises(ToolError, match="absent"), loaded(absent, note=print):
        pass


def test_a_source_that_dies_is_an_error_and_nothing_is_complete(
    urls: tuple[sa.URL, sa.URL],
) -> None:
    source, target = urls
    fill(source, 20_000)

    def killing(read: BinaryIO, written: Sink) -> None:
        written.write(read.read(4096))
        (pid,) = dumping()
        os.kill(pid, signal.SIGKILL)
        pour(read, written)

    with pytest.raises(ToolError, match="dump: it was killed"):
        copy_live(source, target, killing, note=print)
    assert_incomplete(target)
    assert not dumping()


def dumping() -> list[int]:
    """Return the children that run a program which dumps.

    What workers are forked from may be a child of this process as well; it names modules of dumps.
    """
    return [each for each in processes.children(os.getpid()) if program(each).endswith("dump")]


def program(pid: int) -> str:
    return (processes.PROC / str(pid) / "comm").read_text().strip()


WAITING = """
import sys, time
from anonymizer.live import copy_live, read_url
def slowly(source, target):
    target.write(source.read(100_000))
    target.flush()
    print("begun", flush=True)
    time.sleep(60)
copy_live(read_url(sys.argv[1]), read_url(sys.argv[2]), slowly, note=print)
"""


@pytest.mark.thorough
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_one_that_is_ended(
    urls: tuple[sa.URL, sa.URL], end: signal.Signals
) -> None:
    source, target = urls
    fill(source, 20_000)
    said = [each.render_as_string(hide_password=False) for each in urls]
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, *said], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        children = {each: processes.started(each) for each in processes.children(process.pid)}
        process.send_signal(end)
        process.communicate()
    assert len(children) == 2
    assert all(processes.wait(pid, born, seconds=10) for pid, born in children.items())
    time.sleep(0.1)
    assert_incomplete(target)


def test_large_objects_are_left_out_with_a_note(servers: Servers) -> None:
    server = servers["postgresql"]
    url = read_url(server.url(server.create_database()))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT lo_from_bytea(0, 'secret')")
    engine.dispose()
    notes: list[str] = []
    with dumped(url, note=notes.append) as stream:
        assert b"lo_" not in stream.read()
    assert notes == ["1 large objects are left out: to keep them, mask a dump of pg_dump"]


def test_a_table_without_snapshots_is_noted(servers: Servers) -> None:
    server = servers["mariadb"]
    url = read_url(server.url(server.create_database()))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE old (a INT) ENGINE = MyISAM")
    engine.dispose()
    notes: list[str] = []
    with dumped(url, note=notes.append) as stream:
        stream.read()
    assert notes == ["table old is not InnoDB: what is read of it may be of another moment"]


PASSWORD = "a b#c'd\"e\\nf;=%@/\u00e9"  # noqa: S105 - of a user that is made here


def test_any_password_reaches_mariadb(servers: Servers) -> None:
    server = servers["mariadb"]
    name = server.create_database()
    url = read_url(server.url(name))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE USER odd@localhost IDENTIFIED BY :password"), {"password": PASSWORD}
        )
        connection.exec_driver_sql(f"GRANT ALL ON {name}.* TO odd@localhost")
    engine.dispose()
    odd = url.set(username="odd", password=PASSWORD)
    with loaded(odd, note=print) as stream:
        stream.write(b"CREATE TABLE t (a INT);\n")
    assert names(url) == {"t"}
    wrong = odd.set(password=PASSWORD.upper())
    with pytest.raises(ToolError, match="Access denied"), loaded(wrong, note=print):
        pass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("postgresql://h/d?surprise=1", "argument surprise in the URL"),
        ("mariadb://h/d?surprise=1", "argument surprise in the URL"),
        ("postgresql://h", "names no database"),
        ("mariadb://h", "names no database"),
        ("oracle://h/d", "a database of oracle cannot be read"),
        ("sqlite:///x", "a database of sqlite cannot be read"),
    ],
)
def test_what_cannot_be_heeded_is_refused(text: str, message: str) -> None:
    with pytest.raises(AnonymizerError, match=message), dumped(read_url(text), note=print):
        pass


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(AnonymizerError) as error:
        read_url("my secret password")
    assert "secret" not in str(error.value)


def test_a_sqlite_file_is_named_by_its_url(tmp_path: Path) -> None:
    assert sqlite_path(read_url(f"sqlite:///{tmp_path}/a.db")) == tmp_path / "a.db"
    assert sqlite_path(read_url("postgresql://h/d")) is None
    for text in ("sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=ro&uri=true"):
        with pytest.raises(AnonymizerError):
            sqlite_path(read_url(text))


@pytest.fixture
def mariadbs(servers: Servers) -> Iterator[tuple[sa.URL, sa.URL]]:
    server = servers["mariadb"]
    names = [server.create_database() for _ in range(2)]
    yield read_url(server.url(names[0])), read_url(server.url(names[1]))
    for name in names:
        server.drop_database(name)


def lengthening(source: BinaryIO, target: Sink) -> None:
    """Make a name longer than its column takes."""
    target.write(source.read().replace(b"'Ann'", b"'%s'" % (b"Secret" * 50)))


def test_what_would_be_cut_is_refused(mariadbs: tuple[sa.URL, sa.URL]) -> None:
    source, target = mariadbs
    fill(source)
    with pytest.raises(ToolError, match=r"too long for column 'name'.*in table people") as error:
        copy_live(source, target, lengthening, note=print)
    assert "Secret" not in f"{error.value} {error.value.hint}"
    assert_incomplete(target, error.value)


def orphaning(source: BinaryIO, target: Sink) -> None:
    """Refer to somebody who is not there."""
    target.write(source.read().replace(b"VALUES\n(2)", b"VALUES\n(7)").replace(b"(2);", b"(7);"))


def test_a_key_that_does_not_hold_is_refused(mariadbs: tuple[sa.URL, sa.URL]) -> None:
    source, target = mariadbs
    fill(source)
    with pytest.raises(ToolError, match=r"table Odd Name, key .*: 1 rows refer to no") as error:
        copy_live(source, target, orphaning, note=print)
    assert_incomplete(target, error.value)


def test_a_key_that_does_not_hold_in_the_original_is_noted(
    mariadbs: tuple[sa.URL, sa.URL],
) -> None:
    source, target = mariadbs
    fill(source)
    engine = sa.create_engine(source)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET FOREIGN_KEY_CHECKS = 0")
        connection.exec_driver_sql("INSERT INTO `Odd Name` VALUES (99)")
    engine.dispose()
    notes: list[str] = []
    copy_live(source, target, pour, note=notes.append)
    assert [each.endswith("1 rows refer to no row, as in the original") for each in notes] == [
        True,
        False,
    ]
    assert "anonymizer_is_loading" not in names(target)


def test_a_key_that_is_not_valid_is_noted(servers: Servers) -> None:
    server = servers["postgresql"]
    source, target = (read_url(server.url(server.create_database())) for _ in range(2))
    engine = sa.create_engine(source)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE a (i int PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE b (i int); INSERT INTO b VALUES (7)")
        connection.exec_driver_sql(
            "ALTER TABLE b ADD CONSTRAINT k FOREIGN KEY (i) REFERENCES a NOT VALID"
        )
    engine.dispose()
    notes: list[str] = []
    copy_live(source, target, pour, note=notes.append)
    assert notes == ["table b, key k, is NOT VALID as in the original: its rows were not checked"]


def test_a_dump_without_its_sql_mode_is_not_loaded(mariadbs: tuple[sa.URL, sa.URL]) -> None:
    with pytest.raises(AnonymizerError, match="SQL mode"), loaded(mariadbs[1], note=print) as sink:
        sink.write(b"CREATE TABLE t (a INT);\nINSERT INTO `t` VALUES (1);\n")
