"""What SQLite's shell and Python write of a database is read, and loads again when written anew."""

from __future__ import annotations

import io
import shutil
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Kind, TableName
from anonymizer.dumps import formats
from anonymizer.dumps.sqlite_text import SQLiteText
from anonymizer.errors import DumpError
from tests.anonymizer.dumping import FEW, encoded_anew, tables

if TYPE_CHECKING:
    from pathlib import Path

Value: TypeAlias = "str | bytes | int | float | None"

SCHEMA = """
CREATE TABLE plain (text text, blob blob, number, real real);
CREATE TABLE "it's (q" ("a,)" int, [select] text DEFAULT 'x, (', `b``` text, -- don't (
  made AS (a + 1), kept int GENERATED ALWAYS AS (abs(a)) STORED, a, /* , */
  CONSTRAINT c CHECK (a <> 'x)'), UNIQUE ("a,)", a));
CREATE TABLE counted (id integer PRIMARY KEY AUTOINCREMENT, key text) STRICT;
CREATE TABLE without (a PRIMARY KEY, b) WITHOUT ROWID;
CREATE VIEW seen AS SELECT ';', text FROM plain;
CREATE TRIGGER moved AFTER INSERT ON counted BEGIN
  SELECT CASE WHEN 1 THEN 'END;' END; INSERT INTO plain (text) VALUES ('; it''s'); END;
CREATE INDEX i ON plain (text) WHERE text <> ';';
"""
TEXTS = ["it's", "\\", "a\nb", "c\r\nd\\n\\012", "', char(10)), (", ";\nCOMMIT;\n", "é 😀", ""]
NAMES = ("plain", "it's (q", "counted", "without")


def made(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    insert(connection, [(each, each.encode(), 5, -0.5) for each in TEXTS])
    insert(connection, [("x", b"\0\xff", 2**63 - 1, 9e999), (None, None, None, 1e-7)])
    names = '"a,)", "select", "b`", a'
    statement = f'INSERT INTO "it\'s (q" ({names}) VALUES (1, ?, ?, 2)'  # noqa: S608
    connection.execute(statement, TEXTS[:2])
    connection.executemany("INSERT INTO counted (key) VALUES (?)", [("a",), ("b",)])
    connection.execute("INSERT INTO without VALUES ('k', x'00')")
    connection.commit()
    return connection


def insert(connection: sqlite3.Connection, rows: list[tuple[Value, ...]]) -> None:
    connection.executemany("INSERT INTO plain VALUES (?, ?, ?, ?)", rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made(tmp_path / "a.db").close()
    return tmp_path / "a.db"


def shell(path: Path, *commands: str, data: bytes = b"") -> bytes:
    """Return what SQLite's own program writes; it is part of what `make test` installs."""
    program = shutil.which("sqlite3")
    assert program, "sqlite3 is not installed; run `apt-get install sqlite3` or `make test`"
    return subprocess.run(
        [program, path, *commands], input=data, check=True, stdout=subprocess.PIPE
    ).stdout


def by_python(path: Path) -> bytes:
    connection = sqlite3.connect(path)
    script = "\n".join(connection.iterdump()) + "\n"
    connection.close()
    return script.encode()


def select(path: Path, table: str, columns: tuple[str, ...] = ()) -> list[tuple[Value, ...]]:
    connection = sqlite3.connect(path)
    names = ", ".join('"{}"'.format(each.replace('"', '""')) for each in columns) or "*"
    rows = connection.execute(f'SELECT {names} FROM "{table}"').fetchall()  # noqa: S608
    connection.close()
    return rows


def said(value: Value) -> bytes | None:
    """Return *value* as the text of a field means it; SQLite writes infinity as 1e999."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, float):
        return {"inf": b"1e999", "-inf": b"-1e999"}.get(repr(value), repr(value).encode())
    return str(value).encode()


def kinds(column: str) -> Kind:
    if column in ("blob", "b"):
        return Kind.BINARY
    return Kind.NUMBER if column in ("number", "real", "a,)", "a", "id", "rowid") else Kind.TEXT


OPTIONS = (".dump", ".dump --newlines", ".dump --preserve-rowids", ".dump --nosys")


@pytest.mark.parametrize("command", OPTIONS)
def test_every_value_of_the_shell_is_read(path: Path, command: str) -> None:
    found = tables(SQLiteText(), shell(path, command))

    assert {name.name for name in found} == set(NAMES)
    for name, table in found.items():
        columns = tuple(each for each in table.columns if each != "rowid")
        rows = [row[len(table.columns) - len(columns) :] for row in table.rows]
        expected = [tuple(map(said, row)) for row in select(path, name.name, columns)]
        assert [as_floats(row) for row in rows] == [as_floats(row) for row in expected]


def as_floats(row: tuple[bytes | None, ...]) -> list[float | bytes | None]:
    return [_float(each) for each in row]


def _float(value: bytes | None) -> float | bytes | None:
    try:
        return float(value or b"")
    except ValueError:
        return value


@pytest.mark.parametrize("command", OPTIONS)
def test_what_is_written_anew_loads_as_it_was(path: Path, tmp_path: Path, command: str) -> None:
    script = encoded_anew(SQLiteText(), shell(path, command), kinds)
    shell(tmp_path / "b.db", data=script)
    for name in NAMES:
        assert select(tmp_path / "b.db", name) == select(path, name)


def test_what_python_writes_loads_as_it_was(path: Path, tmp_path: Path) -> None:
    # Python 3.11 cannot dump a table with generated columns, and SQLite then writes Inf.
    shell(path, 'DROP TABLE "it\'s (q"', "UPDATE plain SET real = 1 WHERE real > 1e300")
    script = by_python(path)

    found = tables(SQLiteText(), script)
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        connection.executescript(encoded_anew(SQLiteText(), script, kinds).decode())

    assert [each.name for each in formats() if each.recognizes(script[:4096])] == ["sqlite"]
    assert {name.name for name in found} == {"plain", "counted", "without"}
    assert select(tmp_path / "b.db", "plain") == select(path, "plain")


def test_all_columns_are_known_and_generated_ones_have_no_values(path: Path) -> None:
    script = shell(path, ".dump")
    schema = SQLiteText().schema(io.BytesIO(script)).tables
    name = TableName(None, "it's (q")
    assert tuple(schema[name]) == ("a,)", "select", "b`", "made", "kept", "a")
    assert tables(SQLiteText(), script)[name].columns == ("a,)", "select", "b`", "a")


def test_a_virtual_table_is_known_by_the_tables_behind_it(path: Path) -> None:
    shell(path, "CREATE VIRTUAL TABLE ft USING fts5(body)", "INSERT INTO ft VALUES ('secret; x')")
    found = tables(SQLiteText(), shell(path, ".dump"))
    assert found[TableName(None, "ft_content")].rows == [(b"1", b"secret; x")]
    assert not any(name.name.startswith("sqlite_") for name in found)


def test_statistics_pass_and_samples_of_values_do_not(path: Path) -> None:
    shell(path, "ANALYZE")
    script = shell(path, ".dump")
    assert b"INSERT INTO sqlite_stat1" in script
    tables(SQLiteText(), script)
    sampled = script.replace(b"INSERT INTO sqlite_stat1", b"INSERT INTO sqlite_stat4")
    with pytest.raises(DumpError, match="sqlite_stat4"):
        tables(SQLiteText(), sampled)


def test_a_format_recognizes_its_dumps(path: Path) -> None:
    for script in (shell(path, each) for each in OPTIONS):
        assert [each.name for each in formats() if each.recognizes(script[:4096])] == ["sqlite"]


def test_a_dump_without_its_last_line_is_an_error(path: Path) -> None:
    with pytest.raises(DumpError, match="COMMIT is missing"):
        list(SQLiteText().pieces(io.BytesIO(shell(path, ".dump").removesuffix(b"COMMIT;\n"))))


@pytest.mark.parametrize("kept", [0.05, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_a_dump_that_is_cut_off_is_an_error(path: Path, kept: float) -> None:
    whole = shell(path, ".dump")
    with pytest.raises(DumpError):
        list(SQLiteText().pieces(io.BytesIO(whole[: int(len(whole) * kept)])))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"BEGIN TRANSACTION;\nROLLBACK; -- due to errors\n", "damaged"),
        (b"BEGIN TRANSACTION;\n/****** CORRUPTION ERROR *******/\nCOMMIT;\n", "damaged"),
        (b"CREATE TABLE t(a);\nINSERT INTO t VALUES('secret');\n", "outside of BEGIN"),
        (b"BEGIN TRANSACTION;\nINSERT INTO t VALUES('secret');\nCOMMIT;\n", "names no columns"),
        (b"BEGIN TRANSACTION;\nUPDATE t SET a = 'secret';\nCOMMIT;\n", "could hold data"),
        (b"BEGIN TRANSACTION;\nCREATE TABLE t AS SELECT 'secret';\nCOMMIT;\n", "could hold data"),
        (b"BEGIN TRANSACTION;\nINSERT INTO t SELECT 'secret';\nCOMMIT;\n", "else than rows"),
        (b"BEGIN TRANSACTION;\n-- INSERT INTO t VALUES('secret')\nCOMMIT;\n", "comment"),
    ],
)
def test_what_could_hold_data_is_refused(text: bytes, what: str) -> None:
    with pytest.raises(DumpError, match=what) as caught:
        list(SQLiteText().pieces(io.BytesIO(text)))
    assert "secret" not in str(caught.value)


VALUES = st.one_of(
    st.none(),
    st.text(max_size=30).filter(lambda text: "\0" not in text),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(st.sampled_from(["\n", "\r", "'", "\\n", "\\012", "(10.1)"])).map("".join),
)
BLOBS = st.one_of(st.none(), st.binary(max_size=30))


@FEW
@given(rows=st.lists(st.tuples(VALUES, BLOBS)), command=st.sampled_from(OPTIONS))
def test_any_value_goes_through(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Value, Value]], command: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    connection = sqlite3.connect(folder / "a.db")
    connection.executescript("CREATE TABLE t (text, blob)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.commit()
    connection.close()

    script = shell(folder / "a.db", command)
    shell(folder / "b.db", data=encoded_anew(SQLiteText(), script, kinds))

    before, after = (select(folder / name, "t") for name in ("a.db", "b.db"))
    assert after_text(after) == after_text(before)


def after_text(rows: list[tuple[Value, ...]]) -> list[list[float | bytes | None]]:
    """Return *rows* with numbers as numbers, though they were written as text."""
    return [as_floats(tuple(map(said, row))) for row in rows]
