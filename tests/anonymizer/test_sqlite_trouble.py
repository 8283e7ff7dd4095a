# ruff: noqa: S608 - statements of tests
"""SQLite files: what cannot be done is refused, and leaves nothing that looks whole."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from anonymizer import masks
from anonymizer.container import container
from anonymizer.errors import AnonymizerError, DumpError, PolicyError
from anonymizer.reading import read_sqlite
from tests.anonymizer import sqlite_files
from tests.anonymizer.sqlite_files import make, query, rewrite

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MASKS", sqlite_files.MASKS)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The paths of an original, which is not made yet, and of the new file."""
    return tmp_path / "old ?#%.db", tmp_path / "new ?#%.db"


def test_a_key_that_is_lost_leaves_no_file(files: tuple[Path, Path]) -> None:
    old, new = files
    make(
        old,
        "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE s (t INT REFERENCES t (id));"
        "INSERT INTO t VALUES (12); INSERT INTO s VALUES (12)",
    )
    with pytest.raises(DumpError, match=r"row of s refers to no row of t, and was not"):
        rewrite(old, new, chosen={"t.id": "backward"})
    assert list(new.parent.iterdir()) == [old]


def test_what_was_wrong_before_is_noted(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "CREATE TABLE t (id INTEGER PRIMARY KEY, up INT REFERENCES t (id))")
    make(old, "INSERT INTO t VALUES (1, 5)")
    notes, _ = rewrite(old, new)
    assert notes == ("foreign_key_check is as in the original: a row of t refers to no row of t",)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("t (a TEXT PRIMARY KEY, b)", "table t: UNIQUE constraint failed: t.a"),
        ("t (a TEXT CHECK (a < 'k'), b)", "table t: CHECK constraint failed: a < 'k'"),
        ("t (a ANY NOT NULL, b INT) STRICT", "table t: cannot store TEXT value in INT column t.b"),
    ],
)
def test_a_promise_that_does_not_hold_is_named(
    files: tuple[Path, Path], table: str, message: str
) -> None:
    old, new = files
    make(old, f"CREATE TABLE {table}; INSERT INTO t VALUES ('az', 1), ('jz', 22)")
    chosen = {"t.a": "alike"} if "KEY" in table else {"t.a": "backward"}
    if "STRICT" in table:
        chosen = {"t.b": "alike"}
    with pytest.raises(DumpError) as error:
        rewrite(old, new, chosen=chosen)
    assert str(error.value) == message
    assert list(new.parent.iterdir()) == [old]


@pytest.mark.parametrize(
    ("column", "mask", "message"),
    [
        ("b TEXT NOT NULL", "null", "NULL value in t.b, and was not in the original"),
        ("b TEXT CHECK (b < 'k')", "backward", "CHECK constraint failed in t, and was not"),
    ],
)
def test_a_promise_beside_a_key_is_looked_at_in_the_end(
    files: tuple[Path, Path], column: str, mask: str, message: str
) -> None:
    old, new = files
    make(old, f"CREATE TABLE t (a UNIQUE, {column}); INSERT INTO t VALUES (1, 'az')")
    with pytest.raises(DumpError, match=message):
        rewrite(old, new, chosen={"t.b": mask})
    assert list(new.parent.iterdir()) == [old]


def test_what_is_not_decided_is_seen_first(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "CREATE TABLE first (a UNIQUE); INSERT INTO first VALUES ('x'), ('y')")
    make(old, "CREATE TABLE last (a)")
    with pytest.raises(PolicyError, match="table last is in the data"):
        rewrite(old, new, chosen={"first.a": "alike"}, unknown=frozenset({"last"}))


def test_what_is_no_database_is_refused(files: tuple[Path, Path]) -> None:
    old, new = files
    for content in (b"", b"SQLite format 3", b"-- a dump\n" * 100):
        old.write_bytes(content)
        with pytest.raises(DumpError, match="is no SQLite database"):
            rewrite(old, new)
    with pytest.raises(DumpError, match="cannot be read: No such file"):
        rewrite(old.with_name("absent"), new)


def test_a_schema_that_is_no_text_is_not_repeated(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "CREATE TABLE t (a DEFAULT 'secret?'); PRAGMA writable_schema = ON;")
    text = "replace(sql, '?', CAST(x'ff' AS TEXT))"
    make(old, f"PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = {text}")
    with pytest.raises(DumpError) as error:
        rewrite(old, new)
    assert "secret" not in str(error.value)


def test_a_file_that_is_cut_off_is_refused(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, f"CREATE TABLE t (a); INSERT INTO t VALUES ('{'x' * 100_000}')")
    old.write_bytes(old.read_bytes()[:-50_000])
    with pytest.raises(DumpError, match=r"malformed|disk I/O"):
        rewrite(old, new)
    assert list(new.parent.iterdir()) == [old]


def test_nothing_is_overwritten(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "CREATE TABLE t (a)")
    with pytest.raises(AnonymizerError, match="is the original itself"):
        rewrite(old, old)
    new.with_name(f"{new.name}-wal").touch()
    with pytest.raises(AnonymizerError, match="a database of that name is in use"):
        rewrite(old, new)
    new.with_name(f"{new.name}-wal").unlink()
    new.write_text("something")
    with pytest.raises(AnonymizerError, match="there is something already"):
        rewrite(old, new)
    assert new.read_text() == "something"


def test_what_the_application_adds_to_sqlite_is_named(files: tuple[Path, Path]) -> None:
    old, new = files
    with closing(sqlite3.connect(old)) as connection:
        connection.create_collation("german", lambda a, b: (a > b) - (a < b))
        connection.executescript("CREATE TABLE t (a COLLATE german); CREATE INDEX i ON t (a)")
    with pytest.raises(DumpError, match="table t: no such collation sequence: german") as error:
        rewrite(old, new)
    assert error.value.hint


def test_an_error_of_a_mask_says_where_and_not_what(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('fine'), (CAST(x'73ff' AS TEXT))")
    with pytest.raises(DumpError) as error:
        rewrite(old, new, chosen={"t.a": "backward"})
    assert str(error.value) == "table t: column a: a masked text that is not UTF-8"
    rewrite(old, new)
    assert query(new, "SELECT a FROM t") == [(b"fine",), (b"s\xff",)]


MANY = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INT);
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 400000)
INSERT INTO t SELECT n, 'some text ' || n, 'another text ' || (n * 7919 % 10007), n FROM n;
"""
RUN = """
import resource, sys
from pathlib import Path
from anonymizer import masks
from tests.anonymizer import sqlite_files
masks.MASKS = sqlite_files.MASKS
chosen = dict(each.split("=") for each in sys.argv[3:])
sqlite_files.rewrite(Path(sys.argv[1]), Path(sys.argv[2]), chosen=chosen)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that takes long to write anew."""
    path = tmp_path_factory.mktemp("many") / "many.db"
    make(path, f"{MANY} CREATE INDEX i ON t (b, a);")
    return path


@pytest.mark.thorough
@pytest.mark.parametrize("mask", ["keep", "backward"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_one_that_is_ended_leaves_nothing_that_looks_whole(
    files: tuple[Path, Path], many: Path, mask: str, end: signal.Signals
) -> None:
    old, new = files
    shutil.copyfile(many, old)
    command = [sys.executable, "-c", RUN, str(old), str(new), f"t.a={mask}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not [
            each for each in new.parent.iterdir() if each.stat().st_size and "new" in each.name
        ]:
            assert process.poll() is None
        process.send_signal(end)
        _, text = process.communicate()
    assert process.returncode
    assert not new.exists()
    if end is signal.SIGINT:
        assert b"KeyboardInterrupt" in text
        assert list(new.parent.iterdir()) == [old]


LARGE = {
    "many rows": (
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 2000000)"
        "INSERT INTO t SELECT n, 'a text ' || (n * 7919 % 4000037), hex(randomblob(40)) FROM n"
    ),
    "long values": (
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 300)"
        "INSERT INTO t SELECT n, hex(randomblob(500000)), 'b' FROM n"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("rows", LARGE)
def test_memory_does_not_grow_with_the_file(files: tuple[Path, Path], rows: str) -> None:
    old, new = files
    make(old, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE INDEX i ON t (a);")
    make(old, LARGE[rows])
    command = [sys.executable, "-c", RUN, str(old), str(new), "t.a=backward"]
    peak = int(subprocess.run(command, check=True, capture_output=True).stdout)
    assert old.stat().st_size > 2.5e8
    assert peak < 300


@pytest.mark.parametrize("missing", [1, 600])
def test_a_file_that_ends_in_its_last_page_is_refused(
    files: tuple[Path, Path], missing: int
) -> None:
    """SQLite reads zeros where a file ends within a page, and finds fewer rows."""
    old, new = files
    make(old, "PRAGMA page_size = 1024; CREATE TABLE t (a TEXT)")
    make(old, f"INSERT INTO t VALUES ('{'x' * 3000}'), ('last')")
    os.truncate(old, old.stat().st_size - missing)
    with pytest.raises(DumpError, match="ends too early"):
        rewrite(old, new)
    with pytest.raises(DumpError, match="ends too early"):
        list(read_sqlite(old))
    assert list(new.parent.iterdir()) == [old]


def test_a_name_that_is_not_utf8_is_an_error_of_ours(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "CREATE TABLE people (a TEXT)")
    old.write_bytes(old.read_bytes().replace(b"people", b"peo\x80\x80e"))
    schema = container(str(old)).schema
    for read in (lambda: rewrite(old, new), lambda: list(read_sqlite(old)), schema):
        with pytest.raises(AnonymizerError, match=r"UTF-8|cannot be"):
            read()
    assert list(new.parent.iterdir()) == [old]


def test_a_row_that_says_it_is_endless_is_an_error_of_ours(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "PRAGMA page_size = 1024; CREATE TABLE t (id INT, a TEXT, b TEXT)")
    rows = ", ".join(f"({at}, 'caNary{at}', '2020-01-01 10:00:00')" for at in range(12))
    make(old, f"INSERT INTO t VALUES {rows}")
    whole = old.read_bytes()
    begin = whole.index(b"caNary6") - 7
    old.write_bytes(whole[:begin] + b"\xff" * 6 + b"\6" + whole[begin + 7 :])
    for read in (lambda: rewrite(old, new, chosen={"t.a": "same"}), lambda: list(read_sqlite(old))):
        with pytest.raises(DumpError):
            read()
    assert list(new.parent.iterdir()) == [old]
