"""Every kind of value and table of SQLite, in its file and in .dump: what is kept stays."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer import masks
from tests.anonymizer.dumping import FEW
from tests.anonymizer.keeping import ALL_SAME, in_blocks_of, masked
from tests.anonymizer.sqlite_files import Same
from tests.anonymizer.test_sqlite_text import shell

if TYPE_CHECKING:
    from pathlib import Path

AFFINITIES = ("", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "BOOLEAN", "DECIMAL(9, 2)", "JSON")
VALUES = (
    *("''", "'it''s \\ \"q\"'", "'a\nb\r\nc'", "'\\n\\r\\012'", "'12'", "'1e5'", "' 7 '", "'0x10'"),
    *("'inf'", "'NULL'", "''');\nCOMMIT;\n'", "'é \U0001f600'", "'replace(''a'')'", "x''"),
    *("x'00'", "x'27005cff'", "'a' || char(0) || 'b'", "zeroblob(5000)"),
    *("9223372036854775807", "-9223372036854775808", "9223372036854775808", "0", "-0.0", "1.0"),
    *("9e999", "-9e999", "5e-324", "0.1", "1e300", "123456789012345678.5", "NULL"),
)
KEY = "id INTEGER PRIMARY KEY"
TABLES = {
    "plain": f"({KEY}, note TEXT, {{}})",
    "counted": f"({KEY} AUTOINCREMENT, note TEXT, {{}})",
    "without": f"({KEY}, note TEXT, {{}}) WITHOUT ROWID",
    "made": f"({KEY}, note TEXT, {{}}, v AS (id * 2), s TEXT AS ('s' || id) STORED)",
    "strict": f"({KEY}, note TEXT, a0 ANY, a1 ANY) STRICT",
    'it\'s "odd"': f"({KEY}, note TEXT, {{}})",
}
COLUMNS = [f"c{at}" for at in range(len(AFFINITIES))]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def fill(path: Path, encoding: str = "UTF-8") -> None:
    """Make each kind of table, and in it a row for each value, in every column."""
    every = ", ".join(f"{name} {each}" for name, each in zip(COLUMNS, AFFINITIES, strict=True))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {_quoted(name)} {columns.format(every)}")
            names = ["a0", "a1"] if name == "strict" else COLUMNS
            into = f"INSERT INTO {_quoted(name)} (id, note, {', '.join(names)})"
            for at, value in enumerate(VALUES):
                row = ", ".join([f"{at}, 'a note {at}'", *[value] * len(names)])
                connection.execute(f"{into} VALUES ({row})")


def selected(path: Path, columns: str = "") -> list[list[tuple[object, ...]]]:
    """Return for each table its rows, each value with its kind and bytes; of text, no encoding."""
    found = []
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        for name in TABLES:
            others = ["a0", "a1"] if name == "strict" else COLUMNS
            others = [*others, *(["v", "s"] if name == "made" else [])]
            wanted = columns or ", ".join(
                f"typeof({each}), quote({each}), {each}" for each in others
            )
            query = f"SELECT id, {wanted} FROM {_quoted(name)} ORDER BY id"  # noqa: S608
            found.append(connection.execute(query).fetchall())
    return found


@pytest.fixture
def _same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MASKS", (*masks.MASKS, Same))


@pytest.mark.usefixtures("_same")
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_a_file_of_every_value(tmp_path: Path, encoding: str) -> None:
    before, kept, same, after = (tmp_path / each for each in ("before", "kept", "same", "after"))
    fill(before, encoding)

    masked(before, kept, {})
    masked(before, same, ALL_SAME)
    masked(before, after, {"note": "text"})

    assert selected(kept) == selected(same) == selected(after) == selected(before)
    assert selected(same, "note") == selected(before, "note")
    notes = zip(selected(before, "note"), selected(after, "note"), strict=True)
    assert not any(set(old) & set(new) for old, new in notes)


@pytest.mark.parametrize("command", [".dump", ".dump --newlines", ".dump --preserve-rowids"])
def test_a_dump_of_every_value(tmp_path: Path, command: str) -> None:
    fill(tmp_path / "db")
    before, kept, after = (tmp_path / each for each in ("before", "kept", "after"))
    before.write_bytes(shell(tmp_path / "db", command))

    masked(before, kept, {})
    masked(before, after, {"note": "text"}, jobs=2)

    assert kept.read_bytes() == before.read_bytes()
    for each in (before, after):
        shell(tmp_path / f"{each.name}.db", data=each.read_bytes())
    old, new = tmp_path / "before.db", tmp_path / "after.db"
    assert selected(new) == selected(old)
    notes = zip(selected(old, "note"), selected(new, "note"), strict=True)
    assert not any(set(a) & set(b) for a, b in notes)


def test_text_that_is_not_utf8_stays_where_it_is_kept(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    with closing(sqlite3.connect(before)) as connection, connection:
        connection.execute("CREATE TABLE t (note TEXT, other TEXT)")
        connection.execute("INSERT INTO t VALUES ('a note', CAST(x'ff27' AS TEXT))")
    masked(before, after, {"note": "text"})
    with closing(sqlite3.connect(after)) as connection:
        found = connection.execute("SELECT typeof(other), CAST(other AS BLOB) FROM t").fetchall()
    assert found == [("text", b"\xff'")]


ANY = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.binary(max_size=20),
    st.lists(st.sampled_from(["\n", "\r", "'", "\\n", "\\012", ",", "(", ";"])).map("".join),
)


@pytest.mark.usefixtures("_same")
@settings(FEW, max_examples=25)
@given(rows=st.lists(st.tuples(ANY, ANY), min_size=1), block=st.sampled_from([32, 300, 1 << 20]))
def test_any_rows_go_through_in_blocks_of_any_size(
    tmp_path: Path, rows: list[tuple[object, object]], block: int
) -> None:
    folder = tmp_path / "drawn"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    before, after, small = (folder / each for each in ("before.sql", "after.sql", "small.sql"))
    with closing(sqlite3.connect(folder / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE t (note TEXT, other)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    before.write_bytes(shell(folder / "a.db", ".dump"))

    decisions = {"note": "text"}
    masked(before, after, decisions)
    with in_blocks_of(block):
        masked(before, small, decisions)

    assert small.read_bytes() == after.read_bytes()
    shell(folder / "b.db", data=after.read_bytes())
    read = "SELECT typeof(other), other FROM t ORDER BY rowid"
    with (
        closing(sqlite3.connect(folder / "a.db")) as a,
        closing(sqlite3.connect(folder / "b.db")) as b,
    ):
        assert b.execute(read).fetchall() == a.execute(read).fetchall()
