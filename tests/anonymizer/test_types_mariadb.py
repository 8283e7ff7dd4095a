"""Every type of MariaDB in every way to dump it: what is kept stays, and loads as it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer import masks
from anonymizer.errors import DumpError
from tests.anonymizer.dumping import FEW
from tests.anonymizer.keeping import ALL_SAME, in_blocks_of, masked
from tests.anonymizer.sqlite_files import Same
from tests.anonymizer.test_mysql_dump import connect, dump, load, run
from tests.databases import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.databases import Database, Servers

pytestmark = pytest.mark.thorough

NUMBERS = {
    "tinyint": ("-128", "127"),
    "smallint unsigned": ("65535",),
    "mediumint zerofill": ("7",),
    "bigint": ("-9223372036854775808", "0"),
    "bigint unsigned": ("18446744073709551615",),
    "decimal(65,30)": ("-12345678901234567890123456789012345.123456789012345678901234567891",),
    "decimal(10)": ("0", "-1"),
    "float": ("-1.5e-38", "3.40282e38", "0"),
    "double": ("1.7976931348623157e308", "-5e-324", "0.1"),
    "bit(1)": ("b'1'", "b'0'"),
    "bit(64)": ("b'101'", "0xFFFFFFFFFFFFFFFF"),
    "boolean": ("true", "false"),
    "year": ("1901", "2155", "0"),
}
TEXTS = {
    "char(5)": ("''", "'a'", "'é\\\\'"),
    "varchar(40)": ("'it''s'", "'NULL'", "'\\\\N'", "'0x41'", "'\\r\\n\\t\\0\\Z'"),
    "tinytext": ("'),('", "'; -- '"),
    "text": ("'\U0001f600'", "'/*! x */'", "''"),
    "mediumtext": ("repeat('x\\'\\\\', 30000)",),
    "longtext": ("'\\nINSERT INTO `every` VALUES (1);\\n'",),
    "varchar(20) CHARACTER SET latin1": ("'Zoë €'",),
    "varchar(20) CHARACTER SET gbk": ("_utf8mb4'誠'",),
    "varchar(20) CHARACTER SET sjis": ("_utf8mb4'表ソ'",),
    "varchar(20) CHARACTER SET utf16": ("'a\\'b'",),
    "varchar(20) COLLATE utf8mb4_bin": ("'b'",),
    "enum('a,b','c''d','')": ("'a,b'", "'c''d'", "''"),
    "set('x','y z','w''')": ("'x,w'''", "''"),
    "json": ('\'{"a": "it\\\'s \\\\\\\\n"}\'', "'[1, null]'", "'\"x\"'"),
    "uuid": ("'00000000-0000-0000-0000-000000000000'", "uuid()"),
    "inet4": ("'255.255.255.255'",),
    "inet6": ("'::'", "'::ffff:1.2.3.4'"),
}
BYTES = {
    "binary(4)": ("''", "x'00275c0a'", "x'1a0d2200'"),
    "varbinary(300)": ("''", "x'00'", "x'5c27'"),
    "tinyblob": ("x'ff'", "'NULL'"),
    "blob": ("x'e8aaa05c'", "''"),
    "mediumblob": ("repeat(x'00275c', 3000)",),
    "longblob": ("x'" + bytes(range(256)).hex() + "'",),
    "geometry": ("ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')",),
    "point": ("point(1, -2)", "point(39, 92)"),
    "polygon": ("ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')",),
    "multipoint": ("ST_GeomFromText('MULTIPOINT(1 1,2 2)')",),
}
MOMENTS = {
    "date": ("'1000-01-01'", "'9999-12-31'", "'2020-00-00'"),
    "time": ("'-838:59:59'", "'00:00:00'"),
    "time(6)": ("'838:59:59.999999'",),
    "datetime": ("'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'"),
    "datetime(6)": ("'2020-02-29 01:02:03.123456'",),
    "timestamp(6) NULL": ("'2020-06-01 12:00:00.000001'", "'1970-01-01 00:00:01'"),
}
MADE = {
    "bigint AS (id * 2) VIRTUAL": (),
    "varchar(20) AS (concat('it''s ', id)) PERSISTENT": (),
}
IN_DUMP = re.compile(rb",\d+,'it\\'s \d+'\)")
"""What is computed, as a dump has it; it becomes NULL, and is computed again."""
TYPES = {**NUMBERS, **TEXTS, **BYTES, **MOMENTS}
COLUMNS = [f"c{at}" for at in range(len(TYPES))]
SAID = dict(zip(COLUMNS, TYPES, strict=True)) | {"id": "int", "note": "text"}
"""The type of each column, which a dump of MariaDB does not say."""
OPTIONS = {
    "as it comes": (),
    "in hexadecimal": ("--hex-blob",),
    "a row each": ("--skip-extended-insert",),
    "a row each in hexadecimal": ("--skip-extended-insert", "--hex-blob", "--complete-insert"),
    "with columns": ("--complete-insert",),
    "in its own zone": ("--skip-tz-utc",),
    "ansi": ("--compatible=ansi", "--set-charset"),
    "ansi in hexadecimal": ("--compatible=ansi", "--set-charset", "--hex-blob"),
    "replace": ("--replace", "--complete-insert"),
    "ignore": ("--insert-ignore", "--order-by-primary"),
    "short statements": ("--net-buffer-length=4096", "--single-transaction"),
    "without": ("--skip-comments", "--skip-add-locks", "--skip-disable-keys", "--no-autocommit"),
    "triggers": ("--triggers", "--routines", "--events", "--tz-utc", "--dump-date"),
}
BACKSLASH_SECOND = ("gbk", "sjis", "cp932", "big5")
"""Character sets in which a backslash may be the second byte of a letter."""


@pytest.fixture(scope="module")
def source(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with a column of each type, which no test changes."""
    for database in fresh("mariadb", servers, tmp_path_factory.mktemp("types")):
        fill(database)
        yield database


@pytest.fixture
def other(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from fresh("mariadb", servers, tmp_path)


def fill(database: Database) -> None:
    every = [f"c{at} {each}" for at, each in enumerate(TYPES)]
    made = [f"m{at} {each}" for at, each in enumerate(MADE)]
    columns = ", ".join(["id int PRIMARY KEY", *every, "note text", *made])
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'")
        cursor.execute(f"CREATE TABLE every ({columns}) CHARACTER SET utf8mb4 ENGINE InnoDB")
        for at in range(max(map(len, TYPES.values())) + 1):
            values = [given[at] if at < len(given) else "NULL" for given in TYPES.values()]
            names = ", ".join(["id", *COLUMNS, "note"])
            row = ", ".join([str(at), *values, f"'a note: it''s {at} \\\\'"])
            cursor.execute(f"INSERT INTO every ({names}) VALUES ({row})")  # noqa: S608


def selected(database: Database, *columns: str) -> Sequence[tuple[bytes | None, ...]]:
    """Return the rows, bytes as they are stored."""
    names = ", ".join(columns or (*COLUMNS, "m0", "m1"))
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(f"SELECT id, {names} FROM every ORDER BY id")  # noqa: S608
        return list(cursor.fetchall())


@pytest.fixture
def _same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MASKS", (*masks.MASKS, Same))


@pytest.mark.usefixtures("_same")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_nothing_changes_where_all_is_kept_or_masked_as_it_is(
    source: Database, other: Database, tmp_path: Path, options: tuple[str, ...]
) -> None:
    before, kept, same = (tmp_path / each for each in ("before.sql", "kept.sql", "same.sql"))
    before.write_bytes(dump(source, *options))

    masked(before, kept, {}, types=SAID)
    masked(before, same, ALL_SAME, types=SAID)

    assert kept.read_bytes() == IN_DUMP.sub(b",NULL,NULL)", before.read_bytes())
    load(other, same.read_bytes())
    assert selected(other) == selected(source)
    assert selected(other, "note") == selected(source, "note")


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_one_column_is_masked_and_all_others_stay(
    source: Database, other: Database, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "before.sql").write_bytes(dump(source, *options))
    masked(tmp_path / "before.sql", tmp_path / "after.sql", {"note": "text"}, types=SAID)
    load(other, (tmp_path / "after.sql").read_bytes())

    assert selected(other) == selected(source)
    notes = zip(selected(source, "note"), selected(other, "note"), strict=True)
    assert all(old != new for old, new in notes)


@pytest.mark.parametrize("charset", ["utf8mb3", "latin1"])
def test_a_dump_in_a_character_set_that_is_read(
    source: Database, other: Database, tmp_path: Path, charset: str
) -> None:
    """What a character set lacks, the dump has lost before we see it."""
    before, after = tmp_path / "before.sql", tmp_path / "after.sql"
    before.write_bytes(run(source, "mariadb-dump", f"--default-character-set={charset}"))
    masked(before, after, {"note": "text"}, types=SAID)
    load(other, before.read_bytes())
    lost = selected(other)
    load(other, after.read_bytes())
    assert selected(other) == lost


@pytest.mark.parametrize("charset", BACKSLASH_SECOND)
def test_a_backslash_may_be_half_a_letter_so_its_character_set_is_refused(
    source: Database, tmp_path: Path, charset: str
) -> None:
    before, after = tmp_path / "before.sql", tmp_path / "after.sql"
    before.write_bytes(run(source, "mariadb-dump", f"--default-character-set={charset}"))
    with pytest.raises(DumpError, match="character set") as caught:
        masked(before, after, {"note": "text"}, types=SAID)
    assert "utf8mb4" in (caught.value.hint or "")
    assert not after.exists()


def test_a_server_that_escapes_no_backslash(
    source: Database, other: Database, tmp_path: Path
) -> None:
    """What it dumps says how strings are escaped, whatever the server was told."""
    with connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@global.sql_mode")
        ((before_, *_),) = cursor.fetchall()
        cursor.execute("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
        try:
            script = dump(source)
        finally:
            cursor.execute("SET GLOBAL sql_mode = %s", (before_,))
    (tmp_path / "before.sql").write_bytes(script)
    masked(tmp_path / "before.sql", tmp_path / "after.sql", {"note": "text"}, types=SAID)
    load(other, (tmp_path / "after.sql").read_bytes())
    assert selected(other) == selected(source)


TEXT = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(st.sampled_from(["\\", "'", '"', "\n", ",", "(", ")", ";", "\0", "\x1a"])).map(
        "".join
    ),
)
ROWS = st.lists(
    st.tuples(
        TEXT,
        st.one_of(st.none(), st.binary(max_size=40)),
        st.one_of(st.none(), st.floats(-1e9, 1e9)),
    ),
    min_size=1,
    max_size=12,
)
DRAWN = {"note": "text", "b": "blob", "n": "double"}


@pytest.mark.usefixtures("_same")
@settings(FEW, max_examples=20)
@given(
    rows=ROWS, chosen=st.sampled_from(sorted(OPTIONS)), block=st.sampled_from([64, 500, 1 << 20])
)
def test_any_rows_go_through_in_blocks_of_any_size(
    source: Database,
    tmp_path: Path,
    rows: list[tuple[object, ...]],
    chosen: str,
    block: int,
) -> None:
    before, after, small = (tmp_path / each for each in ("before.sql", "after.sql", "small.sql"))
    for each in (after, small):
        each.unlink(missing_ok=True)
    with connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE drawn (note text, b blob, n double)")
        cursor.executemany("INSERT INTO drawn VALUES (%s, %s, %s)", rows)
        cursor.execute("SELECT * FROM drawn")
        expected = cursor.fetchall()
        before.write_bytes(dump(source, *OPTIONS[chosen], "--ignore-table={}.every"))

        masked(before, after, ALL_SAME, types=DRAWN)
        with in_blocks_of(block):
            masked(before, small, ALL_SAME, types=DRAWN)

        assert small.read_bytes() == after.read_bytes()
        load(source, after.read_bytes())
        cursor.execute("SELECT * FROM drawn")
        assert cursor.fetchall() == expected
        cursor.execute("DROP TABLE drawn")


def test_neither_workers_nor_runs_change_the_output(source: Database, tmp_path: Path) -> None:
    before = tmp_path / "before.sql"
    before.write_bytes(dump(source, "--net-buffer-length=4096"))
    for name, jobs in (("a", 1), ("b", 2), ("c", 1)):
        masked(before, tmp_path / name, {"note": "text"}, jobs=jobs, types=SAID)
    written = [(tmp_path / name).read_bytes() for name in "abc"]
    assert written[1:] == written[:1] * 2
