from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Kind, TableName
from anonymizer.dumps.base import Rows
from anonymizer.dumps.pg_plain import END, PlainPostgreSQL, _end_of_rows
from anonymizer.dumps.pg_split import statements_in
from anonymizer.errors import DumpError
from anonymizer.passed import KEEPABLE
from tests.databases import fresh
from tests.dumped import STRINGS, damaged, dump, fill, restore, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anonymizer.dumps.base import Block, Piece
    from tests.databases import Database, Servers

PLAIN = PlainPostgreSQL()
HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
FOOT = b"\n--\n-- PostgreSQL database dump complete\n--\n\n"


@pytest.fixture(scope="module", params=["postgresql"])
def database(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database with a bit of everything, which no test changes."""
    for made in fresh(request.param, servers, tmp_path_factory.mktemp("filled")):
        fill(made)
        yield made


def pieces(dumped: bytes, plain: PlainPostgreSQL = PLAIN) -> list[Piece]:
    return list(plain.pieces(io.BytesIO(dumped)))


def text(piece: Piece) -> bytes:
    return piece.data if isinstance(piece, Rows) else piece


def rows(dumped: bytes) -> dict[TableName, bytes]:
    return {table: data for (table, _), data in rows_of(pieces(dumped)).items()}


def test_the_pieces_are_the_dump(database: Database) -> None:
    dumped = dump(database, "--create", "--clean", "--if-exists")
    found = pieces(dumped)

    assert b"".join(map(text, found)) == dumped
    assert rows(dumped).keys() >= {
        TableName("public", "kinds"),
        TableName("other", "Parts 2"),
        TableName("public", 'Mixed "Case'),
        TableName('Odd "schema', "t.t"),
    }


def test_the_values_are_those_of_the_database(database: Database) -> None:
    found = [each for each in pieces(dump(database)) if isinstance(each, Rows)]
    blocks = [each.codec.parse(each.data, len(each.columns)) for each in found]
    values = [
        each.codec.decode(first(block), Kind.TEXT)
        for each, block in zip(found, blocks, strict=True)
        if each.table.name == "t.t"
    ]

    assert [value.decode() for each in values for value in each.to_list()] == list(STRINGS)


def first(block: Block) -> Cells:
    return Cells(data=block.data, starts=block.starts[:, 0], ends=block.ends[:, 0])


def test_what_is_written_restores(database: Database, servers: Servers, tmp_path: Path) -> None:
    dumped = dump(database)
    table = TableName("public", "child")
    changed = b"".join(
        each.data.replace(b"x", b"masked")
        if isinstance(each, Rows) and each.table == table
        else text(each)
        for each in pieces(dumped)
    )
    for other in fresh("postgresql", servers, tmp_path):
        restore(other, changed)

        assert dump(other) == dumped.replace(b"\n1\tx\n", b"\n1\tmasked\n")


def test_a_dump_of_all_databases_is_read(database: Database) -> None:
    dumped = dump(database, "--no-role-passwords", name="pg_dumpall")
    # It dumps what other tests have on the server as well.
    plain = PlainPostgreSQL(keep=frozenset(KEEPABLE))

    assert b"".join(map(text, pieces(dumped, plain))) == dumped
    assert b"\\connect" in dumped


def test_schema(database: Database) -> None:
    found = PLAIN.schema(io.BytesIO(dump(database)))
    kinds = found.tables[TableName("public", "kinds")]

    assert kinds.items() >= {
        ("id", "bigint"),
        ("g", "numeric(10,2)"),
        ("i", "timestamp with time zone"),
        ("m", "public.pair"),
        ("x", "integer[]"),
        ("y", "character(3)"),
    }
    assert found.generated == {TableName("public", "kinds"): {"doubled"}}
    assert found.tables[TableName("public", 'Mixed "Case')] == {
        "Id": "integer",
        "a, b": "text",
        "select": "text",
        "self": "integer",
    }
    assert found.tables[TableName("public", "child")] == {"id": "integer", "extra": "text"}
    assert found.keys[TableName("public", "kinds")] == (("id",),)
    assert found.keys[TableName("public", "child")] == (("extra",),)
    assert found.partitions[TableName("other", "Parts 2")] == TableName("public", "parts")


def test_what_is_no_column_is_left_out() -> None:
    created = b"""CREATE TABLE public.t (
    a integer DEFAULT (1 + 2) NOT NULL,
    "check" text DEFAULT 'x, y)'::text,
    b numeric(10,2) GENERATED ALWAYS AS (((a)::numeric * 2.5)) STORED,
    CONSTRAINT c CHECK ((a > 0)),
    CHECK (("check" <> ''::text))
)
PARTITION BY RANGE (a);
ALTER TABLE ONLY public.t ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a, "check");
CREATE UNIQUE INDEX i ON public.t USING btree (lower("check"));
CREATE TABLE part PARTITION OF public.t FOR VALUES FROM (1) TO (2);
"""
    found = PLAIN.schema(io.BytesIO(created))
    name = TableName("public", "t")

    assert found.tables[name] == {"a": "integer", "check": "text", "b": "numeric(10,2)"}
    assert found.tables[TableName(None, "part")] == found.tables[name]
    assert found.generated == {name: {"b"}}
    assert found.keys == {name: (("a", "check"),)}
    assert found.partitions == {TableName(None, "part"): name}


def test_the_place_of_rows_is_said() -> None:
    dumped = HEAD + b"COPY t (a) FROM stdin;\n1\n2\n\\.\n" + FOOT
    found = next(each for each in pieces(dumped) if isinstance(each, Rows))

    assert (found.line, found.byte) == (6, dumped.index(b"1\n"))
    assert dumped.split(b"\n")[found.line - 1] == b"1"


@given(st.lists(st.sampled_from([b"\\", b"\\.\n", b"\n", b"a"])).map(b"".join), st.integers(0, 12))
def test_the_end_of_rows_is_a_line_of_its_own(data: bytes, near: int) -> None:
    for at in (0, *(place + 1 for place in range(len(data)) if data[place : place + 1] == b"\n")):
        places = range(at, len(data))
        ends = (each for each in places if data.startswith(END, each))
        end = next((each for each in ends if each == at or data[each - 1 : each] == b"\n"), None)
        assert _end_of_rows(data, at, near) == end


@given(st.lists(st.binary(max_size=30).map(lambda each: each.replace(b"\n", b"")), max_size=30))
@example([b"\\\\.", b"\\\\."])
def test_rows_are_cut_at_line_ends_wherever_blocks_end(lines: list[bytes]) -> None:
    data = b"".join(each + b"\n" for each in lines if each != b"\\.")
    dumped = HEAD + b"COPY t (a) FROM stdin;\n" + data + b"\\.\n" + FOOT
    found = list(PlainPostgreSQL().pieces(Drip(dumped)))

    assert b"".join(map(text, found)) == dumped
    assert b"".join(text(each) for each in found if isinstance(each, Rows)) == data


class Drip(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 7))


SQL = st.lists(
    st.sampled_from(
        [
            *(
                "SELECT",
                " ",
                "\n",
                "$$;$$",
                "$a$ $$ ; ' $a$",
                "'a''b;'",
                "E'\\';'",
                '"a"";b"',
                "(;",
                ")",
            ),
            *(
                "/* ; /* ' */ */",
                "-- ;'\n",
                "foo$bar",
                "$1",
                "1.5e10",
                "é",
                "-",
                "/",
                "U&'x;'",
                "\\",
            ),
        ]
    )
).map("".join)


@given(SQL)
def test_statements_end_alike_however_they_come(sql: str) -> None:
    """The splitter that holds all of a script agrees with the one that reads on as it needs to."""
    script = f"SET a = {sql} ;\nSET b = 1;\n".encode()
    whole = outcome(io.BytesIO(script))
    dripped = outcome(Drip(script))

    assert dripped == whole


def outcome(source: io.BytesIO) -> list[Piece] | str:
    try:
        return list(PlainPostgreSQL().pieces(source))
    except DumpError as error:
        return str(error)


def test_a_semicolon_in_quotes_ends_nothing() -> None:
    statements = [
        b"SET a = $x$;$$;$x$;",
        b"SET a = E'\\';';",
        b"SET a = 'b\\';",
        b'SET "a;"";" = U&\'\\;\';',
        b"SET a /* ; /* ; */ ; */ = b$c$d;",
        b"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);",
        b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; END;",
    ]

    assert list(statements_in(b"\n".join(statements))) == statements


def test_backslashes_escape_where_the_dump_says_so() -> None:
    dumped = b"SET standard_conforming_strings = off;\nCOMMENT ON TABLE t IS 'a\\';b';\n"

    assert pieces(dumped)[-2:] == [b"COMMENT ON TABLE t IS 'a\\';b';", b"\n"]


REFUSED = {
    b"DELETE FROM t;": "DELETE",
    b"INSERT INTO t SELECT 'secret';": "INSERT",
    b"SELECT pg_catalog.lowrite(0, '\\x00');": "large objects",
    b"SELECT pg_catalog.lo_create('1');": "large objects",
    b"SELECT pg_catalog.pg_restore_attribute_stats('most_common_vals', '{secret}');": "values",
    b"ALTER ROLE a WITH LOGIN PASSWORD 'SCRAM-SHA-256$secret';": "password",
    b"CREATE USER MAPPING FOR a SERVER b OPTIONS (\n  password 'secret',\n  u 'x');": "password",
    b"CREATE SUBSCRIPTION s CONNECTION 'host=a password=secret' PUBLICATION p;": "password",
    b"ALTER SUBSCRIPTION s CONNECTION 'postgres://u:secret@h/d';": "password",
    b"CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'u', pin 'secret');": "password",
    b"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (api_key 'secret');": "password",
    b"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (u 'http://a:secret@h');": "password",
    b"CREATE FOREIGN TABLE t (a int) SERVER s OPTIONS (token 'secret');": "password",
    b"CREATE TABLE t AS VALUES ('secret');": "not known",
    b"CREATE UNLOGGED TABLE t (a) AS VALUES ('secret');": "not known",
    b"COPY t (a) FROM stdin WITH (FORMAT csv);": "COPY",
    b"COPY t FROM '/tmp/secret';": "COPY",
    b"\\copy t from secret": "psql",
    b"\\! secret": "psql",
    b"SET a = 1 \\gexec secret\n;": "psql",
    b"secret;": "not known",
    b"DO $$ secret $$;": "DO",
    b"SET client_encoding = 'SJIS';": "UTF-8",
    b"COPY t (a) FROM stdin;\r\nsecret\r\n\\.\r\n": "line feed",
    b"COPY t FROM stdin;\nsecret\n\\.\n": "columns",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_could_hold_data_is_refused(statement: bytes) -> None:
    with pytest.raises(DumpError, match=REFUSED[statement]) as caught:
        pieces(HEAD + statement + b"\n" + FOOT)

    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.line in (5, 6)
    assert caught.value.hint


@pytest.mark.parametrize("what", KEEPABLE)
def test_what_is_decided_passes(what: str) -> None:
    plain = PlainPostgreSQL(keep=frozenset([what]))
    whys = (what.replace("_", " "), "values", "password")
    held = [each for each, why in REFUSED.items() if why in whys]
    passed = [each for each in held if not raises(plain, each)]

    assert passed
    assert all(raises(PlainPostgreSQL(), each) for each in passed)


def raises(plain: PlainPostgreSQL, statement: bytes) -> bool:
    try:
        pieces(statement, plain)
    except DumpError:
        return True
    return False


@pytest.mark.parametrize(
    "dumped",
    [
        HEAD,
        HEAD + b"SET a = 1",
        HEAD + b"SET a = 'b;",
        HEAD + b"COPY t (a) FROM stdin;",
        HEAD + b"COPY t (a) FROM stdin;\n",
        HEAD + b"COPY t (a) FROM stdin;\n1\n2\n",
        HEAD + b"COPY t (a) FROM stdin;\n1\n\\.",
        HEAD + b"SET a = 1;" + FOOT[:-10],
        b"SET a = 1;\nSET b",
        b"COPY t (a) FROM stdin;\n1\n2",
        b"COPY t (a) FROM stdin;\n1\n",
    ],
)
def test_a_truncated_dump_is_refused(dumped: bytes) -> None:
    with pytest.raises(DumpError) as caught:
        pieces(dumped)

    assert caught.value.byte is not None
    assert caught.value.hint


def test_every_truncation_is_refused(database: Database) -> None:
    dumped = dump(database, "--exclude-table-data", '"Odd*".*')
    end = dumped.rindex(b"database dump complete")
    for at in range(100, end, max(1, end // 300)):
        with pytest.raises(DumpError):
            pieces(dumped[:at])


def test_formats_of_others_are_not_recognized() -> None:
    plain = PlainPostgreSQL()

    assert plain.recognizes(HEAD)
    assert plain.recognizes(b"--\n-- PostgreSQL database cluster dump\n--\n")
    assert not plain.recognizes(b"-- MySQL dump 10.13  Distrib 8.0\n--\n")
    assert not plain.recognizes(b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n")


def test_damage_is_an_error_or_nothing(database: Database) -> None:
    dumped = dump(database, "--exclude-table-data", '"Odd*".*')
    for each in damaged(dumped, 150):
        outcome(io.BytesIO(each))


@pytest.mark.slow
def test_much_damage_is_an_error_or_nothing(database: Database) -> None:
    dumped = dump(database, "--exclude-table-data", '"Odd*".*')
    for each in damaged(dumped, 5_000):
        outcome(io.BytesIO(each))


SWALLOWED = [
    b"ALTER TABLE t OWNER TO me\n\nINSERT INTO t VALUES (1, 'secret');\n",
    b"ALTER TABLE t OWNER TO me(\n\nINSERT INTO t VALUES (1, 'secret');\n);\n",
    b"COMMENT ON TABLE t IS 'a;\n\nINSERT INTO t VALUES (1, 'secret', 'b');\n",
    b"ALTER TABLE t OWNER TO me'\n\nCOPY t (a) FROM stdin;\nsecret\n\\.\n';\n\nSELECT 'b';\n",
    b"CREATE FUNCTION f() AS $$a;\n\nCOPY t (a) FROM stdin;\nsecret\n\\.\n\n AS $$b;\n",
]


@pytest.mark.parametrize("statement", SWALLOWED)
def test_rows_that_damage_makes_part_of_a_statement_are_refused(statement: bytes) -> None:
    with pytest.raises(DumpError) as caught:
        pieces(HEAD + statement + FOOT)
    assert "secret" not in str(caught.value)


def test_a_comment_may_say_how_rows_begin() -> None:
    said = (
        b"COMMENT ON TABLE t IS 'see:\nINSERT INTO t VALUES (''a'');\nCOPY t FROM stdin;\n\\.\n';\n"
    )
    assert b"".join(map(text, pieces(HEAD + said + FOOT))) == HEAD + said + FOOT


INSERTS = ["--inserts", "--column-inserts", "--rows-per-insert=7", "--on-conflict-do-nothing"]


@pytest.mark.parametrize("option", INSERTS)
def test_inserts_are_rows(database: Database, option: str) -> None:
    dumped = dump(database, "--inserts", option)
    found = pieces(dumped)
    parts = [each for each in found if isinstance(each, Rows) and each.table.name == "parts_1"]
    counts = [
        len(each.codec.parse(each.data, len(each.columns)).starts)
        for each in found
        if isinstance(each, Rows)
    ]

    assert b"".join(map(text, found)) == dumped
    assert sum(counts) == 1004 + len(STRINGS)
    assert [each.columns for each in parts] == [("id", "at")]
    assert dumped[parts[0].byte :].startswith(parts[0].data)
    assert dumped[: parts[0].byte].count(b"\n") == parts[0].line - 1


def test_inserts_without_columns_need_the_table() -> None:
    insert = b"INSERT INTO t VALUES (1, 'secret');\n"

    with pytest.raises(DumpError, match="columns"):
        pieces(insert)
    found = pieces(b"CREATE TABLE t (\n    a integer,\n    b text\n);\n" + insert)
    assert [each.columns for each in found if isinstance(each, Rows)] == [("a", "b")]


def test_old_dumps_say_the_schema_once() -> None:
    dumped = (
        b"SET search_path = one, pg_catalog;\nCREATE TABLE t (a integer);\n"
        b'SET search_path = "Two", pg_catalog;\nCOPY t (b) FROM stdin;\n1\n\\.\n'
    )

    assert rows(dumped) == {TableName("Two", "t"): b"1\n"}
    assert PLAIN.schema(io.BytesIO(dumped)).tables == {
        TableName("one", "t"): {"a": "integer"},
        TableName("Two", "t"): {"b": None},
    }
