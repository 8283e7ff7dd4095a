# ruff: noqa: S608 - statements of tests
"""SQLite files: a new file is the old one but for what is masked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymizer import masks
from anonymizer.cells import Cells
from anonymizer.column import TableName
from anonymizer.masker import Count
from anonymizer.sqlite.values import from_cells
from tests.anonymizer import sqlite_files
from tests.anonymizer.sqlite_files import dump, header, make, query, rewrite, schema

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MASKS", sqlite_files.MASKS)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The paths of an original, which is not made yet, and of the new file."""
    return tmp_path / "old ?#%.db", tmp_path / "new ?#%.db"


SHAPES = """
CREATE TABLE "we""ird table" ("a ?{}" TEXT, [c-d] INT, `e` REAL DEFAULT 'x;y', rowid, "oid" BLOB);
INSERT INTO "we""ird table" VALUES ('x', '12', 1, NULL, x'00ff'), ('y', 'z', 1e300, 7, 'text');
UPDATE "we""ird table" SET _rowid_ = _rowid_ + 70;
CREATE TABLE shadowed (rowid TEXT, _rowid_ TEXT, oid TEXT);
INSERT INTO shadowed VALUES ('a', 'b', 'c');
CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, CHECK (id > 0));
INSERT INTO numbered (name) VALUES ('one'), ('two'), ('three');
DELETE FROM numbered WHERE id > 1;
CREATE TABLE gone (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE downward (id INTEGER PRIMARY KEY DESC, name TEXT);
INSERT INTO downward (rowid, id, name) VALUES (9, 1, 'a'), (4, 2, 'b');
CREATE TABLE keyed (a TEXT COLLATE NOCASE PRIMARY KEY, b "odd type(3)" UNIQUE ON CONFLICT REPLACE,
    c NOT NULL CHECK (c <> 7), UNIQUE (c DESC, a COLLATE RTRIM)); -- a comment
INSERT INTO keyed (rowid, a, b, c) VALUES (50, 'x', '12', '12'), (-7, 'Y ', 1.5, x'00'),
    (60, NULL, NULL, 12);
CREATE TABLE holes (name TEXT);
INSERT INTO holes (rowid, name) VALUES (-5, 'a'), (3, 'b'), (9223372036854775807, 'c');
CREATE TABLE pairs (a TEXT COLLATE NOCASE, b INT, c, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('x', 2, 'p'), ('Y', 2, 'q'), ('a', 1, NULL);
CREATE TABLE strict (id INTEGER PRIMARY KEY, t TEXT, i INT, r REAL, b BLOB, a ANY) STRICT;
INSERT INTO strict VALUES (1, 't', 5, 1, x'00', '001'), (2, NULL, NULL, NULL, NULL, 1.0);
CREATE TABLE made (a INT, v AS (a * 2), s TEXT GENERATED ALWAYS AS ('s' || a) STORED, b TEXT);
INSERT INTO made VALUES (1, 'x'), (2, 'y');
CREATE TABLE child (id INTEGER PRIMARY KEY, up INT REFERENCES numbered (id), self INT
    REFERENCES child (id)) ;
INSERT INTO child VALUES (1, 1, 2), (2, NULL, 1);
CREATE INDEX partial ON numbered (name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX computed ON made (a + 1, lower(b));
CREATE TABLE log (text TEXT);
CREATE TRIGGER noted AFTER INSERT ON numbered BEGIN INSERT INTO log VALUES ('fired'); END;
CREATE VIEW seen AS SELECT name FROM later;
CREATE TABLE later (name TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TRIGGER instead INSTEAD OF INSERT ON seen BEGIN SELECT RAISE(ABORT, 'no'); END;
ALTER TABLE later ADD COLUMN added INT DEFAULT 42;
DROP TABLE gone;
ANALYZE;
PRAGMA user_version = 77;
PRAGMA application_id = -12345;
"""


@pytest.mark.parametrize("mask", ["keep", "same"])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_all_is_there_again(files: tuple[Path, Path], mask: str, encoding: str) -> None:
    old, new = files
    make(old, f"PRAGMA encoding = '{encoding}'; PRAGMA page_size = 8192;{SHAPES}")
    rewrite(old, new, chosen={"*": mask})

    samples = (b"sqlite_stat4", b"sqlite_stat3")
    assert schema(new) == [line for line in schema(old) if line[2] not in samples]
    assert header(new) == header(old)
    assert dump(new) == [line for line in dump(old) if "sqlite_stat4" not in line]
    rows = 'SELECT _rowid_, oid FROM "we""ird table"'
    assert query(new, rows) == query(old, rows) != []
    rows = "SELECT rowid, * FROM holes UNION ALL SELECT rowid, name FROM downward"
    assert query(new, "SELECT rowid, typeof(b), typeof(c), * FROM keyed") == query(
        old, "SELECT rowid, typeof(b), typeof(c), * FROM keyed"
    )
    assert query(new, rows) == query(old, rows)
    assert query(new, "PRAGMA integrity_check") == [(b"ok",)]
    assert not query(new, "SELECT * FROM log")


@pytest.mark.parametrize("vacuum", ["NONE", "FULL", "INCREMENTAL"])
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_the_header_is_kept(files: tuple[Path, Path], vacuum: str, journal: str) -> None:
    old, new = files
    settings_ = f"PRAGMA auto_vacuum = {vacuum}; PRAGMA journal_mode = {journal};"
    make(old, f"{settings_} CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    rewrite(old, new)
    assert header(new) == header(old)
    assert [each.name for each in new.parent.iterdir() if each.name.startswith(".")] == []


VALUE = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20),
    st.sampled_from(["12", "1e5", " 7 ", "0x10", "a\0b", "", "nan", "inf", "\U0001f600"]),
)
TYPES = ("", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "VARCHAR(20)", "DECIMAL(10, 2)")
ROWS = st.lists(st.tuples(*[VALUE] * len(TYPES)), max_size=8)
EXACTLY = ", ".join(f"typeof(c{n}), hex(c{n}), c{n}" for n in range(len(TYPES)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ROWS, encoding=st.sampled_from(["UTF-8", "UTF-16"]))
def test_any_value_goes_there_and_back(
    files: tuple[Path, Path], rows: list[tuple[Any, ...]], encoding: str
) -> None:
    old, new = files
    old.unlink(missing_ok=True)
    columns = ", ".join(f"c{number} {each}" for number, each in enumerate(TYPES))
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(TYPES))})", rows)
    for mask in ("keep", "same"):
        new.unlink(missing_ok=True)
        rewrite(old, new, chosen={"*": mask})
        exactly = f"SELECT rowid, {EXACTLY} FROM t"
        assert query(new, exactly) == query(old, exactly)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 8192, 8193, 20_000])
def test_each_row_gets_its_own_values(files: tuple[Path, Path], count: int) -> None:
    old, new = files
    make(
        old,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c); CREATE INDEX i ON t (b, a);"
        f"WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT {count})"
        "INSERT INTO t (id, a, b) SELECT n * 3, 'a' || n,"
        f" nullif('b' || (n * 7919 % 100003), 'b7919') FROM n WHERE {count}",
    )
    _, tally = rewrite(old, new, chosen={"t.a": "backward", "t.b": "backward"})
    rows = "SELECT id, a, b FROM t ORDER BY id"
    turned = [(key, a[::-1], b and b[::-1]) for key, a, b in query(old, rows)]
    assert query(new, rows) == turned
    if count:
        found = tally.columns[TableName(None, "t")]
        assert found == {"a": Count(values=count), "b": Count(values=count - 1, nulls=1)}


def test_a_column_may_be_emptied(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, NULL)")
    _, tally = rewrite(old, new, chosen={"t.b": "null"})
    assert query(new, "SELECT * FROM t") == [(1, None), (2, None)]
    assert tally.columns[TableName(None, "t")] == {"b": Count(values=1, nulls=1)}


def test_keys_are_masked_with_what_refers_to_them(files: tuple[Path, Path]) -> None:
    old, new = files
    make(
        old,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name);"
        "CREATE TABLE s (t INT REFERENCES t (id), k TEXT PRIMARY KEY) WITHOUT ROWID;"
        "INSERT INTO t VALUES (12, 'a'), (34, 'b'); INSERT INTO s VALUES (34, 'kl'), (12, 'mn')",
    )
    rewrite(old, new, chosen={"t.id": "backward", "s.t": "backward", "s.k": "backward"})
    assert query(new, "SELECT * FROM t") == [(21, b"a"), (43, b"b")]
    assert query(new, "SELECT * FROM s") == [(43, b"lk"), (21, b"nm")]


def test_what_is_of_rows_is_nowhere_in_the_new_file(files: tuple[Path, Path]) -> None:
    old, new = files
    make(
        old,
        "CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('deleted one');"
        "DELETE FROM t; INSERT INTO t VALUES ('secret one'), ('secret two'); ANALYZE",
    )
    make(
        old,
        "PRAGMA writable_schema = ON; CREATE TABLE IF NOT EXISTS"
        " sqlite_stat4 (tbl, idx, neq, nlt, ndlt, sample);"
        "INSERT INTO sqlite_stat4 VALUES ('t', 'i', '1', '1', '1', 'secret one')",
    )
    notes, _ = rewrite(old, new, chosen={"t.a": "backward"})
    held = new.read_bytes()
    assert b"eno terces" in held
    assert b"secret" not in held
    assert b"deleted" not in held
    assert notes == ("sqlite_stat4 is left out: it holds values of rows; ANALYZE makes it again",)


@pytest.mark.parametrize(
    ("original", "text", "value"),
    [
        (5, b"7", 7),
        (5, b"7.5", 7.5),
        (5, b"1_0", "1_0"),
        (5, b"9223372036854775808", "9223372036854775808"),
        (5.0, b"7", 7.0),
        (5.0, b"nan", "nan"),
        (5.0, b"word", "word"),
        (b"x", b"7", b"7"),
        (bytearray(b"x"), b"7", "7"),
        (None, b"", None),
    ],
)
def test_a_value_keeps_its_storage_class(original: Any, text: bytes, value: object) -> None:
    ((found,), (mixed, _)) = (
        from_cells(Cells.of([text]), [original], "c"),
        from_cells(Cells.of([text, b"1"]), [original, 1.5], "c"),
    )
    assert (type(found), found) == (type(mixed), mixed) == (type(value), value)


def test_an_application_may_write_meanwhile(files: tuple[Path, Path]) -> None:
    old, new = files
    make(old, "PRAGMA journal_mode = WAL; CREATE TABLE t (a); CREATE TABLE u (a)")
    with closing(sqlite3.connect(old)) as application:
        application.execute("INSERT INTO t VALUES ('committed')")
        application.commit()
        application.execute("INSERT INTO t VALUES ('not yet')")
        rewrite(old, new)
        application.commit()
    assert query(new, "SELECT a FROM t") == [(b"committed",)]
