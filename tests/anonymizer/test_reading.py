"""Reading: values of every column as bytes, and the text between, with their places."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from anonymizer.column import Kind, TableName
from anonymizer.dumps.base import Rows
from anonymizer.dumps.copy import CopyText
from anonymizer.errors import DumpError
from anonymizer.proof import prove
from anonymizer.reading import Chunk, Text, free_pages, read_pieces, read_sqlite
from tests.anonymizer.planted import CANARIES, PLAN, USERS, Plan, notes, table, users

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from anonymizer.dumps.base import Piece
    from anonymizer.reading import Part

SQL = """
CREATE TABLE users (id INTEGER PRIMARY KEY, secret TEXT, other, raw BLOB DEFAULT x'00');
CREATE TABLE "odd ""one" ("a b" TEXT);
CREATE INDEX by_secret ON users (secret);
"""
LITE = Plan(
    table(
        TableName(None, "users"), {"id": "keep", "secret": "word", "other": "keep", "raw": "keep"}
    ),
    table(TableName(None, 'odd "one'), {"a b": "keep"}),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "odd #?% name.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SQL)
        rows = [(1, "Maria Nowak", 1.5, b"\x00\xff"), (2, None, 7, None), (3, "", "é", b"")]
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
        connection.execute("""INSERT INTO "odd ""one" VALUES ('x')""")
        connection.commit()
    return path


def listed(parts: Iterable[Part]) -> list[object]:
    return [
        part.data
        if isinstance(part, Text)
        else (
            str(part.table),
            {
                name: dict(zip(values.rows.tolist(), values.cells.to_list(), strict=True))
                for name, values in part.values.items()
            },
        )
        for part in parts
    ]


def test_pieces_are_read_as_columns_and_text() -> None:
    pieces: list[Piece] = [b"SET x;\n", users(["a\tb\\", None]), b"\\.\n"]

    assert listed(read_pieces(pieces, PLAN)) == [
        b"SET x;\n",
        (
            "public.users",
            {
                "id": {0: b"0", 1: b"1"},
                "secret": {0: b"a\tb\\"},
                "other": {0: b"nothing", 1: b"nothing"},
            },
        ),
        b"\\.\n",
    ]


def test_columns_that_are_not_wanted_are_not_decoded() -> None:
    parts = read_pieces([users(["x"])], PLAN, wanted=lambda _table, column: column == "id")

    assert listed(parts) == [("public.users", {"id": {0: b"0"}})]


def test_a_column_is_decoded_as_what_the_plan_says() -> None:
    column = replace(PLAN.tables[0].columns[1], kind=Kind.BINARY)
    plan = Plan(replace(PLAN.tables[0], columns=(column,)))
    rows = Rows(
        table=USERS, columns=("secret",), data=b"\\\\x4142\n", codec=CopyText(), line=1, byte=0
    )

    assert listed(read_pieces([rows], plan)) == [("public.users", {"secret": {0: b"AB"}})]


def test_a_column_is_decoded_when_it_is_looked_at() -> None:
    column = replace(PLAN.tables[0].columns[1], kind=Kind.BINARY)
    plan = Plan(replace(PLAN.tables[0], columns=(column,)))
    chunk = next(read_pieces([replace(users(["no bytea"]), line=5, byte=50)], plan))

    assert isinstance(chunk, Chunk)
    assert chunk.values["id"].cells.to_list() == [b"0"]
    with pytest.raises(DumpError, match=r"table public\.users, line 5, byte 50: a bytea"):
        chunk.values["secret"]


def test_partitions_are_read_as_their_table() -> None:
    part = replace(users(["x"]), table=USERS._replace(name="users_2026"))
    parts = read_pieces([part, replace(part, part_of=USERS)], PLAN)

    assert [str(each.table) for each in parts if isinstance(each, Chunk)] == [
        "public.users_2026",
        "public.users",
    ]


def test_texts_have_their_places() -> None:
    rows = replace(users(["x"]), line=3, byte=12)
    parts = list(read_pieces([b"one;\n", b"two;\n\n", rows, b"after;"], PLAN))
    places = [(part.line, part.byte) for part in parts]

    assert places == [(1, 0), (2, 5), (3, 12), (4, 12 + len(rows.data))]


def test_a_row_that_cannot_be_read_is_an_error_with_its_place() -> None:
    rows = replace(users(["x"]), data=b"1\tx\ty\n2\tx\n", line=10, byte=100)
    with pytest.raises(DumpError, match="expected 3") as caught:
        list(read_pieces([rows], PLAN))

    assert (caught.value.table, caught.value.line, caught.value.byte) == ("public.users", 11, 106)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_sqlite_file_is_read_whole(path: Path, batch: int) -> None:
    read: dict[str, dict[str, list[bytes]]] = {}
    schema, *chunks = read_sqlite(path, batch=batch)
    for chunk in chunks:
        assert isinstance(chunk, Chunk)
        for name, values in chunk.values.items():
            held = read.setdefault(chunk.table.name, {}).setdefault(name, [])
            held.extend(values.cells.to_list())

    assert isinstance(schema, Text)
    assert b"CREATE INDEX by_secret" in schema.data
    assert read == {
        "users": {
            "id": [b"1", b"2", b"3"],
            "secret": [b"Maria Nowak", b""],
            "other": [b"1.5", b"7", "é".encode()],
            "raw": [b"\x00\xff", b""],
        },
        'odd "one': {"a b": [b"x"]},
    }


def test_survivors_in_a_sqlite_file_are_found(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "output.db"
    with closing(sqlite3.connect(output)) as connection:
        connection.executescript(SQL.replace("DEFAULT x'00'", "DEFAULT 'maria nowak'"))
        row = (1, "someone else", "x", b"see MARIA NOWAK")
        connection.execute("INSERT INTO users VALUES (?, ?, ?, ?)", row)
        connection.commit()

    proof = prove(read_sqlite(path), read_sqlite(output), LITE)

    assert [each.place for each in proof.survivors] == ["outside of rows", "users.raw"]


def test_pages_that_may_hold_deleted_rows_are_counted(path: Path) -> None:
    assert free_pages(path) == 0
    with closing(sqlite3.connect(path)) as connection:
        rows = [(str(number) * 900,) for number in range(100)]
        connection.executemany("INSERT INTO users (secret) VALUES (?)", rows)
        connection.commit()
        connection.execute("DELETE FROM users")
        connection.commit()

    assert free_pages(path) > 0


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 100])
def test_what_is_no_database_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)

    with pytest.raises(DumpError, match="cannot be read as a SQLite database"):
        list(read_sqlite(path))


def test_the_original_and_a_dump_of_another_kind_can_be_compared(path: Path) -> None:
    lite = read_sqlite(path)
    dump = [users(["someone else", None, ""]), notes(CANARIES["name"])]
    proof = prove(lite, read_pieces(dump, LITE), LITE, scaled=True)

    assert [each.place for each in proof.survivors] == ["public.notes.body"]
