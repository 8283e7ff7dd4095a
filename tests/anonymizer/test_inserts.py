"""INSERT: fields are found and read as the database does, and written so that it reads them."""

from __future__ import annotations

import pickle
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.dumps.dialect import MYSQL, POSTGRESQL, SQLITE
from anonymizer.dumps.inserts import Inserts
from anonymizer.dumps.mysql_session import Session
from anonymizer.errors import DumpError
from tests.anonymizer.dumping import FEW, column, values

if TYPE_CHECKING:
    from anonymizer.dumps.dialect import Dialect

LETTERS = {0: b"\\0", 10: b"\\n", 13: b"\\r", 26: b"\\Z", 34: b'\\"', 39: b"\\'", 92: b"\\\\"}
HEADER = b"INSERT INTO `it's (a` (`x)`,`\"`) VALUES "


def mysql(value: bytes) -> bytes:
    """Return *value* as mysql_real_escape_string writes it, a byte after the other."""
    return b"'%s'" % b"".join(LETTERS.get(each, bytes([each])) for each in value)


def doubled(value: bytes) -> bytes:
    return b"'%s'" % value.replace(b"'", b"''")


def no_backslash() -> Dialect:
    session = Session()
    session.assign(b"SET SQL_MODE='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
    return session.dialect


WRITERS = {
    "mysql": (MYSQL, mysql),
    "no backslash": (no_backslash(), doubled),
    "sqlite": (SQLITE, doubled),
    "postgresql": (POSTGRESQL, doubled),
}
NASTY = st.sampled_from(
    [b"'", b"\\", b"\\'", b"''", b"'),('", b");\nINSERT INTO t VALUES (", b"NULL", b"0x41", b"\\%_"]
)
TEXTS = st.one_of(st.binary(max_size=30), st.lists(NASTY, max_size=4).map(b"".join))
FIELDS = st.one_of(st.none(), st.integers(), TEXTS)
ROWS = st.integers(1, 4).flatmap(
    lambda size: st.lists(st.lists(FIELDS, min_size=size, max_size=size), min_size=1)
)
BETWEEN = st.sampled_from([b",", b",\n", b";\n" + HEADER])


@pytest.mark.parametrize("name", WRITERS)
@FEW
@given(rows=ROWS, between=BETWEEN)
@example(rows=[[b"\\"], [b"\\\\"]], between=b",")
def test_every_field_is_found_and_read(
    name: str, rows: list[list[bytes | int | None]], between: bytes
) -> None:
    dialect, write = WRITERS[name]
    written = [
        [write(each) if isinstance(each, bytes) else _bare(each) for each in row] for row in rows
    ]
    data = HEADER + between.join(b"(%s)" % b",".join(row) for row in written) + b";\n"
    codec = Inserts(dialect=dialect, header=HEADER)

    block = codec.parse(data, len(rows[0]))

    for place in range(len(rows[0])):
        fields = column(block, place)
        assert fields.to_list() == [row[place] for row in written]
        said = [_said(row[place]) for row in rows]
        assert values(codec, fields, Kind.TEXT) == said


def _bare(value: int | None) -> bytes:
    return b"NULL" if value is None else b"%d" % value


def _said(value: bytes | int | None) -> bytes | None:
    return b"%d" % value if isinstance(value, int) else value


@FEW
@given(st.lists(TEXTS))
def test_text_is_written_as_mysqldump_writes_it(texts: list[bytes]) -> None:
    codec = Inserts(dialect=MYSQL)
    assert codec.encode(Cells.of(texts), Kind.TEXT).to_list() == [mysql(each) for each in texts]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.BINARY, Kind.INTEGER, Kind.NUMBER])
@FEW
@given(texts=st.lists(TEXTS))
def test_what_is_written_is_read_as_it_was(name: str, kind: Kind, texts: list[bytes]) -> None:
    codec = Inserts(dialect=WRITERS[name][0])

    written = codec.encode(Cells.of(texts), kind)
    data = b",".join(b"(%s)" % each for each in written.to_list())

    if texts:
        fields = column(codec.parse(data, 1), 0)
        assert codec.decode(fields, kind).to_list() == texts


@FEW
@given(st.lists(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))))
def test_numbers_are_written_bare(numbers: list[float]) -> None:
    texts = [b"%r" % each for each in numbers]
    assert Inserts(dialect=MYSQL).encode(Cells.of(texts), Kind.NUMBER).to_list() == texts


@given(st.lists(st.text("05.-+eE ", max_size=6).map(str.encode), min_size=1))
@example([b"-.5", b"5.", b".", b"-", b"1-2", b"1.2.3", b"", b"--1", b"5e5", b".."])
def test_only_numbers_are_written_bare(texts: list[bytes]) -> None:
    number = re.compile(rb"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

    written = Inserts(dialect=MYSQL).encode(Cells.of(texts), Kind.NUMBER).to_list()

    expected = [each if number.fullmatch(each) else b"'%s'" % each for each in texts]
    assert written == expected


@pytest.mark.parametrize("text", [b"--1", b"", b"1 OR 1", b"0x41", b"1e", b"abc", b"-", b"1--"])
def test_what_is_no_number_is_not_written_bare(text: bytes) -> None:
    assert Inserts(dialect=MYSQL).encode(Cells.of([text]), Kind.INTEGER).to_list() == [
        b"'%s'" % text
    ]


@pytest.mark.parametrize(
    ("dialect", "kind", "written", "meant"),
    [
        (MYSQL, Kind.BINARY, b"_binary 'a\\0\\'\\\\'", b"a\0'\\"),
        (MYSQL, Kind.BINARY, b"0x00FF", b"\0\xff"),
        (MYSQL, Kind.BINARY, b"''", b""),
        (MYSQL, Kind.INTEGER, b"b'101'", b"5"),
        (MYSQL, Kind.BINARY, b"b'100000001'", b"\1\1"),
        (MYSQL, Kind.TEXT, b"'a\\%\\_\\b\\q''b'", b"a\\%\\_\bq'b"),
        (SQLITE, Kind.BINARY, b"X'00ff'", b"\0\xff"),
        (SQLITE, Kind.TEXT, b"replace('a\\nb','\\n',char(10))", b"a\nb"),
        (
            SQLITE,
            Kind.TEXT,
            b"replace(replace('it''s\\012x\\n\\r\\012','\\r',char(13)),'\\012',char(10))",
            b"it's\nx\\n\r\n",
        ),
        (SQLITE, Kind.TEXT, b"unistr('it''s\\u000a\\\\ \\+01f600')", "it's\n\\ 😀".encode()),
        (SQLITE, Kind.NUMBER, b"-1e999", b"-1e999"),
        (POSTGRESQL, Kind.TEXT, b"E'a\\\\b''c'", b"a\\b'c"),
        (POSTGRESQL, Kind.TEXT, b"'C:\\'", b"C:\\"),
        (POSTGRESQL, Kind.BINARY, b"'\\x00ff'", b"\0\xff"),
        (POSTGRESQL, Kind.BINARY, b"E'\\\\x00ff'", b"\0\xff"),
        (POSTGRESQL, Kind.BOOLEAN, b"true", b"true"),
        (POSTGRESQL, Kind.OTHER, b"B'0101'", b"0101"),
    ],
)
def test_every_form_is_read(dialect: Dialect, kind: Kind, written: bytes, meant: bytes) -> None:
    codec = Inserts(dialect=dialect)
    fields = column(codec.parse(b"(1,%s),(2,NULL)" % written, 2), 1)
    assert values(codec, fields, kind) == [meant, None]
    anew = codec.encode(codec.decode(fields.take(~codec.is_null(fields)), kind), kind)
    assert codec.decode(anew, kind).to_list() == [meant]


def test_rows_of_pg_dump_are_read() -> None:
    header = b"INSERT INTO public.t VALUES\n\t"
    data = header + b"(1, E'a\\\\', DEFAULT),\n\t(2, NULL, true)\n\tON CONFLICT DO NOTHING;\n"
    codec = Inserts(dialect=POSTGRESQL, header=header)
    block = codec.parse(data, 3)
    assert values(codec, column(block, 0), Kind.INTEGER) == [b"1", b"2"]
    assert values(codec, column(block, 1), Kind.TEXT) == [b"a\\", None]
    assert values(codec, column(block, 2), Kind.BOOLEAN) == [None, b"true"]


@pytest.mark.parametrize(
    ("data", "what", "line", "byte"),
    [
        (b"(1,'secret'),\n(2,'secret',3);", "a row of 3 values, expected 2", 2, 14),
        (b"(1,'secret'),\n(2);", "a row of 1 values, expected 2", 2, 14),
        (b"(1,'secret'),\n(2,'secret", "a row has no end", 2, 14),
        (b"(1,'secret') ON DUPLICATE KEY UPDATE a='secret';", "else than rows", 1, 12),
        (b"(1,'secret'),(2,secret)", "not written as this kind of dump", 1, 16),
        (b"(1,'secret'),(2,\"secret\")", "not written as this kind of dump", 1, 16),
        (b"(1,'secret'),(2,)", "not written as this kind of dump", 1, 16),
        (b"(1,'secret');secret", "else than rows", 1, 12),
    ],
)
def test_what_is_wrong_is_told_with_its_place(data: bytes, what: str, line: int, byte: int) -> None:
    with pytest.raises(DumpError, match=what) as caught:
        Inserts(dialect=MYSQL).parse(data, 2)
    assert (caught.value.line, caught.value.byte) == (line, byte)
    assert "secret" not in str(caught.value)


def test_an_escaped_quote_in_an_e_string_is_refused() -> None:
    with pytest.raises(DumpError, match="not written as"):
        Inserts(dialect=POSTGRESQL).parse(b"(E'a\\'b\\'c')", 1)


def test_text_in_latin1_is_read_as_utf8_and_written_back() -> None:
    codec = Inserts(dialect=MYSQL, charset="latin1")
    fields = Cells.of([b"'\xe9\x80'", b"'plain'", b"'\x81'"])
    read = codec.decode(fields, Kind.TEXT)
    assert [each.decode() for each in read.to_list()] == ["é€", "plain", "\x81"]
    assert codec.encode(read, Kind.TEXT).to_list() == fields.to_list()


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", None])
def test_a_character_that_the_set_has_not_is_refused(charset: str | None) -> None:
    codec = Inserts(dialect=MYSQL, charset=charset)
    with pytest.raises(DumpError, match="character"):
        codec.encode(Cells.of(["😀".encode()]), Kind.TEXT)


def test_the_codec_can_go_to_another_process() -> None:
    codec = Inserts(dialect=SQLITE, header=HEADER)
    assert pickle.loads(pickle.dumps(codec)) == codec  # noqa: S301


PARTS = st.sampled_from(
    [
        *(b"E'", b"'", b"\\uD83D", b"\\U00110000", b"\\u0041", b"\\777", b"\\x4", b"\\8", b"''"),
        *(b"unistr('", b"\\+110000", b"\\", b"')", b"replace('", b"replace(", b",'a',char(10))"),
        *(
            b",'a',char(1114112))",
            b",'',char(0))",
            b"0x",
            b"0x123",
            b"X'0",
            b"x'00'",
            b"b'",
            b"b'1'",
        ),
        *(
            b"_binary '",
            b"CAST(X'41' AS TEXT)",
            b"NULL",
            b"-",
            b"1e999",
            b"a",
            b"\xff",
            b"\0",
            b"true",
        ),
    ]
)


@pytest.mark.parametrize("dialect", [MYSQL, no_backslash(), SQLITE, POSTGRESQL])
@FEW
@given(
    written=st.lists(PARTS, min_size=1, max_size=6).map(b"".join), kind=st.sampled_from(list(Kind))
)
@example(written=b"'", kind=Kind.TEXT)
@example(written=b"E'\\U00110000'", kind=Kind.TEXT)
@example(written=b"E'\\uD83D'", kind=Kind.TEXT)
@example(written=b"unistr('\\+110000')", kind=Kind.TEXT)
@example(written=b"replace('a','a',char(1114112))", kind=Kind.TEXT)
@example(written=b"replace(" * 2000 + b"'a'" + b",'a',char(10))" * 2000, kind=Kind.TEXT)
def test_a_form_is_read_or_an_error_of_ours(dialect: Dialect, written: bytes, kind: Kind) -> None:
    read = Inserts(dialect=dialect)
    with suppress(DumpError):
        assert len(read.decode(Cells.of([b"'x'", written]), kind).to_list()) == 2
