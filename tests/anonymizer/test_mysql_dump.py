"""What mariadb-dump writes is read to the last byte, and loads again when it is written anew."""

from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING, TypeAlias

import pymysql
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer.column import Kind, TableName
from anonymizer.dumps import formats
from anonymizer.dumps.base import Rows
from anonymizer.dumps.dialect import Blobs
from anonymizer.dumps.inserts import Inserts
from anonymizer.dumps.mysql import MySQL
from anonymizer.errors import DumpError
from tests.anonymizer.dumping import FEW, encoded_anew, tables
from tests.anonymizer.test_inserts_split import HEAD, TAIL
from tests.databases import Database, Servers, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Row: TypeAlias = tuple[bytes | None, ...]

EVERYTHING = r"""
CREATE TABLE `every.ty``pe` (
  `id` int NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'it''s (a, b) `x` \\',
  `select` text, `b)` longblob, `bits` bit(10), `bin` varbinary(40), `fix` binary(3),
  `json` json, `day` date, `at` datetime(3), `price` decimal(20,4), `real` double, `f` float,
  `enum` enum('a,b','c''d') CHARACTER SET latin1, `set` set('x','y'), `uuid` uuid, `ip` inet6,
  `year` year, `time` time(2), `bool` bool, `big` bigint unsigned, `stamp` timestamp NULL,
  `point` point, `latin` varchar(40) CHARACTER SET latin1,
  `made` int AS (`id` * 2) VIRTUAL, `kept` int AS (length(`select`)) STORED,
  UNIQUE KEY `u (` (`day`, `at`), CONSTRAINT `c` CHECK (`price` > 0 OR `json` <> 'a,b)')
);
CREATE TABLE `it's (a` (`a` int, `b,` text INVISIBLE, `"` int);
CREATE TABLE `Empty` (`A` int);
CREATE TABLE versioned (a int) WITH SYSTEM VERSIONING;
CREATE SEQUENCE numbers;
CREATE VIEW seen AS SELECT `select`, '*/ ; '' \\ INSERT' AS text FROM `every.ty``pe`;
"""
CODE = (
    "CREATE TRIGGER moved BEFORE INSERT ON `Empty` FOR EACH ROW BEGIN -- don't; stop\n"
    " SET @a = 'a;b\\'c'; INSERT INTO versioned VALUES (1); END",
    "CREATE PROCEDURE p() BEGIN /* ; ' */ INSERT INTO versioned VALUES (2); END",
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
    "CREATE PROCEDURE q() BEGIN SELECT 'a\\'; SELECT 2 AS \"it's\"; END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO INSERT INTO versioned VALUES (9)",
    "SET sql_mode = DEFAULT",
)
VALUES = {
    "select": "it's \\ \"q\" \n\r\t\x1a\0 `b` \\% é 😀'), (1,",
    "b)": bytes(range(256)),
    "bits": 0b1010101010,
    "bin": b"\n\\'\0",
    "fix": b"\0'\\",
    "json": '{"a": "it\'s"}',
    "day": "2020-02-29",
    "at": "2020-01-01 01:02:03.123",
    "price": "12345.6789",
    "real": 1e300,
    "f": -1.5e-10,
    "enum": "c'd",
    "set": "x,y",
    "uuid": "71470676-ea41-11f1-9877-02fc00000001",
    "ip": "::1",
    "year": 2020,
    "time": "-12:00:00.25",
    "bool": 1,
    "big": 2**64 - 1,
    "stamp": "2020-06-01 12:00:00",
    "latin": "Zoë €",
}
BINARY = ("b)", "bits", "bin", "fix", "point", "blob")
NUMBERS = ("id", "price", "real", "f", "year", "bool", "big", "made", "kept", "a", '"', "A")
OPTIONS = {
    "plain": (),
    "in hexadecimal": ("--hex-blob",),
    "a row each": ("--skip-extended-insert",),
    "with columns": ("--complete-insert",),
    "ignore": ("--insert-ignore", "--skip-opt", "--create-options", "--set-charset"),
    "replace": ("--replace", "--hex-blob", "--complete-insert"),
    "without comments": ("--skip-comments", "--skip-add-locks", "--skip-disable-keys"),
    "ansi": ("--compatible=ansi", "--set-charset", "--hex-blob"),
    "small": ("--net-buffer-length=4096", "--order-by-primary", "--single-transaction"),
    "code": ("--routines", "--events", "--triggers", "--comments"),
    "no names quoted": (
        "--skip-quote-names",
        "--ignore-table={}.every.ty`pe",
        "--ignore-table={}.it's (a",
        "--ignore-table={}.seen",
    ),
}
UTF8 = "--default-character-set=utf8mb4"


def kinds(column: str) -> Kind:
    if column in BINARY:
        return Kind.BINARY
    return Kind.NUMBER if column in NUMBERS else Kind.TEXT


@pytest.fixture(scope="module")
def server(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    for database in fresh("mariadb", servers, tmp_path_factory.mktemp("mariadb")):
        fill(database)
        yield database


@pytest.fixture
def other(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from fresh("mariadb", servers, tmp_path)


def connect(database: Database) -> pymysql.Connection:
    url = sa.make_url(database.url)
    return pymysql.connect(
        unix_socket=str(url.query["unix_socket"]),
        ssl_disabled=True,
        user=url.username or "",
        database=url.database,
        charset="utf8mb4",
        use_unicode=False,
        conv=pymysql.converters.encoders,
        autocommit=True,
    )


def fill(database: Database) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        for statement in (*EVERYTHING.split(";\n"), *CODE):
            if statement.strip():
                cursor.execute(statement)
        names = ", ".join(f"`{name}`" for name in VALUES)
        marks = ", ".join(["%s"] * len(VALUES))
        into = "INSERT INTO `every.ty``pe`"
        values = list(VALUES.values())
        cursor.execute(f"{into} ({names}, point) VALUES ({marks}, point(1, 2))", values)
        cursor.execute(f"{into} (`select`, `b)`, `bin`) VALUES ('', '', '')")
        cursor.execute("INSERT INTO `it's (a` (a, `b,`) VALUES (1, 'x'), (NULL, 'it''s')")
        cursor.execute("INSERT INTO versioned VALUES (1), (2)")


def run(database: Database, program: str, *options: str, data: bytes = b"") -> bytes:
    """Return what a program of MariaDB writes that is run on *database*."""
    url = sa.make_url(database.url)
    socket = url.query["unix_socket"]
    command = [program, "--no-defaults", f"--user={url.username}", f"--socket={socket}"]
    name = str(url.database)
    said = [each.format(name) for each in options]
    ended = said if "--all-databases" in said else [*said, name]
    return subprocess.run([*command, *ended], input=data, check=True, stdout=subprocess.PIPE).stdout


def dump(database: Database, *options: str) -> bytes:
    return run(database, "mariadb-dump", UTF8, *options)


def load(database: Database, script: bytes) -> None:
    run(database, "mariadb", UTF8, "--binary-mode", data=script)


def select(database: Database, table: str, columns: Sequence[str] = ()) -> list[Row]:
    """Return the rows of *table*, each value as the server writes it in text."""
    names = ", ".join("`{}`".format(each.replace("`", "``")) for each in columns) or "*"
    quoted = table.replace("`", "``")
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM `{quoted}`")  # noqa: S608
        return list(cursor.fetchall())


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_value_is_read_as_the_server_says_it(
    server: Database, options: tuple[str, ...]
) -> None:
    found = tables(MySQL(), dump(server, *options))

    assert found
    for name, table in found.items():
        assert table.rows == select(server, name.name, table.columns)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_what_is_written_anew_loads_as_it_was(
    server: Database, other: Database, options: tuple[str, ...]
) -> None:
    # Values of generated columns are not loaded, so they may be those of the dump.
    load(other, encoded_anew(MySQL(), dump(server, *options), kinds))

    for name in ("every.ty`pe", "it's (a", "versioned"):
        if not any(name in each for each in options):
            assert select(other, name) == select(server, name)


@pytest.mark.parametrize("option", ["--databases", "--all-databases"])
def test_the_schema_of_a_table_is_known(server: Database, option: str) -> None:
    name = str(sa.make_url(server.url).database)
    found = tables(MySQL(), dump(server, option))
    assert TableName(name, "it's (a") in found


def test_all_columns_are_known_from_the_dump(server: Database) -> None:
    schema = MySQL().schema(io.BytesIO(dump(server, "--routines"))).tables
    assert tuple(schema[TableName(None, "Empty")]) == ("A",)
    assert tuple(schema[TableName(None, "it's (a")]) == ("a", "b,", '"')
    every = tuple(schema[TableName(None, "every.ty`pe")])
    assert every[:4] == ("id", "select", "b)", "bits")
    assert every[-3:] == ("latin", "made", "kept")
    assert len(schema) == 4


def test_blobs_are_written_as_the_dump_writes_them(server: Database) -> None:
    whole = dump(server).replace(b"'\\n\\\\\\'\\0'", b"_binary '\\n\\\\\\'\\0'")
    pieces = MySQL().pieces(io.BytesIO(whole))
    codecs = [each.codec for each in pieces if isinstance(each, Rows)]
    styles = [each.dialect.blobs for each in codecs if isinstance(each, Inserts)]
    assert Blobs.BINARY in styles
    assert Blobs.HEX in styles


def test_text_in_latin1_is_read_as_utf8(server: Database, other: Database) -> None:
    latin1 = ("--default-character-set=latin1", "--ignore-table={}.it's (a")
    script = dump(server, *latin1)
    found = tables(MySQL(), script)[TableName(None, "every.ty`pe")]
    assert found.rows[0][found.columns.index("latin")] == "Zoë €".encode()
    load(other, encoded_anew(MySQL(), script, kinds))
    assert select(other, "every.ty`pe", ["latin"]) == select(server, "every.ty`pe", ["latin"])


def test_a_format_recognizes_its_dumps(server: Database) -> None:
    for options in OPTIONS.values():
        head = dump(server, *options)[:4096]
        assert [each.name for each in formats() if each.recognizes(head)] == ["mysql"]


@pytest.mark.parametrize("options", [(), ("--skip-comments",), ("--databases",)])
@pytest.mark.parametrize("kept", [0.1, 0.3, 0.5, 0.9, 0.99])
def test_a_dump_that_is_cut_off_is_an_error(
    server: Database, options: tuple[str, ...], kept: float
) -> None:
    whole = dump(server, *options)
    with pytest.raises(DumpError):
        list(MySQL().pieces(io.BytesIO(whole[: int(len(whole) * kept)])))


def test_dumps_one_behind_the_other_are_read(server: Database) -> None:
    one = dump(server) + b"\n"
    assert list(tables(MySQL(), one + one)) == list(tables(MySQL(), one))
    with pytest.raises(DumpError, match="another dump begins"):
        list(MySQL().pieces(io.BytesIO(one[: one.index(b"UNLOCK")] + one)))


def test_a_dump_without_an_end_to_look_for_is_refused(server: Database) -> None:
    with pytest.raises(DumpError) as caught:
        list(MySQL().pieces(io.BytesIO(dump(server, "--compact"))))
    assert caught.value.hint == "dump without --compact"


TEXTS = st.one_of(st.none(), st.text(max_size=40), st.sampled_from(["'),(", "\\", "\\'", ";\n"]))
BLOBS = st.one_of(st.none(), st.binary(max_size=40))
CHOSEN = st.sampled_from(["plain", "in hexadecimal", "a row each", "with columns", "replace"])


@settings(FEW, max_examples=15)
@given(rows=st.lists(st.tuples(TEXTS, BLOBS), min_size=1), chosen=CHOSEN)
def test_any_text_and_any_bytes_go_through(
    server: Database, rows: list[tuple[str | None, bytes | None]], chosen: str
) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE generated (text text, `blob` blob)")
        for text, blob in rows:
            cursor.execute("INSERT INTO generated VALUES (%s, %s)", (text, blob))
    said = [(None if text is None else text.encode(), blob) for text, blob in rows]

    script = dump(server, *OPTIONS[chosen], "--ignore-table={}.every.ty`pe")
    name = TableName(None, "generated")
    assert tables(MySQL(), script, kinds)[name].rows == said

    load(server, encoded_anew(MySQL(), script, kinds))
    assert select(server, "generated") == said


def test_backslashes_are_plain_where_the_sql_mode_says_so(other: Database) -> None:
    head = HEAD.replace(b"NO_AUTO_VALUE_ON_ZERO", b"ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
    script = (
        head
        + b"""CREATE TABLE "t" ("a" text, "b" blob);
INSERT INTO "t" VALUES ('C:\\','it''s'),('\\''',_binary '\\0');"""
        + TAIL
    )
    said = [(b"C:\\", b"it's"), (b"\\'", b"\\0")]

    assert tables(MySQL(), script)[TableName(None, "t")].rows == said
    load(other, encoded_anew(MySQL(), script, kinds))
    assert select(other, "t") == said
