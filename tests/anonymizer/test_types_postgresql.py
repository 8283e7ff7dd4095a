"""Every type of PostgreSQL in every kind of dump: what is kept stays, to the last byte."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer import masks
from anonymizer.dumps.compression import Method
from tests.anonymizer import fuzzing, test_pg_custom, test_pg_directory
from tests.anonymizer.dumping import FEW
from tests.anonymizer.keeping import ALL_SAME, in_blocks_of, masked
from tests.anonymizer.postgresql_types import MADE, TYPES
from tests.anonymizer.sqlite_files import Same
from tests.databases import fresh
from tests.dumped import STRINGS, dump, libpq_url, restore, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database, Servers

pytestmark = pytest.mark.thorough

PLAIN = {
    "COPY": (),
    "inserts": ("--inserts",),
    "columns": ("--column-inserts",),
    "rows": ("--rows-per-insert=3",),
    "do nothing": ("--inserts", "--on-conflict-do-nothing"),
    "quoted": ("--quote-all-identifiers", "--column-inserts"),
    "no comments": ("--no-comments", "--no-owner", "--no-privileges"),
}
PACKED = (Method.NONE, Method.GZIP, Method.LZ4, Method.ZSTD)
IN_ARCHIVE = (Method.NONE, Method.ZLIB, Method.LZ4, Method.ZSTD)


@pytest.fixture(scope="module")
def source(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with a column of each type, which no test changes."""
    for database in fresh("postgresql", servers, tmp_path_factory.mktemp("types")):
        fill(database)
        yield database


@pytest.fixture
def other(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from fresh("postgresql", servers, tmp_path)


@contextmanager
def connected(database: Database) -> Iterator[sa.Connection]:
    """Give a connection, in a transaction, that is closed: the server has not many."""
    with database.engine(poolclass=sa.NullPool).begin() as connection:
        yield connection


def fill(database: Database) -> None:
    """Make a table with a column of each type, in rows enough for each value to be in one."""
    columns = ", ".join(f"c{at} {each}" for at, each in enumerate(TYPES))
    statements = [MADE, f"CREATE TABLE every (id integer PRIMARY KEY, note text, {columns})"]
    for at in range(max(map(len, TYPES.values())) + 1):
        values = ", ".join(
            _literal(given[at]) if at < len(given) else "NULL" for given in TYPES.values()
        )
        note = _literal(f"a note: {STRINGS[at]}")
        statements.append(f"INSERT INTO every VALUES ({at}, {note}, {values})")  # noqa: S608
    with connected(database) as connection:
        for each in statements:
            connection.exec_driver_sql(each.replace("%", "%%"))


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def selected(database: Database, columns: str = "every") -> list[str]:
    """Return the rows as the server writes them."""
    with connected(database) as connection:
        found = connection.exec_driver_sql(f"SELECT ({columns})::text FROM every ORDER BY id")  # noqa: S608
        return [str(row[0]) for row in found]


OTHERS = "ROW(" + ", ".join(["id", *(f"c{at}" for at in range(len(TYPES)))]) + ")"


@pytest.fixture
def _same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MASKS", (*masks.MASKS, Same))


@pytest.mark.usefixtures("_same")
@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN)
def test_nothing_changes_where_all_is_kept_or_masked_as_it_is(
    source: Database, other: Database, tmp_path: Path, options: tuple[str, ...]
) -> None:
    before, kept, same = tmp_path / "before.sql", tmp_path / "kept.sql", tmp_path / "same.sql"
    before.write_bytes(dump(source, *options))

    masked(before, kept, {})
    masked(before, same, ALL_SAME)

    assert kept.read_bytes() == before.read_bytes()
    if not any("insert" in each for each in options):  # there, quotes may stand round a number
        assert same.read_bytes() == before.read_bytes()
    restore(other, same.read_bytes())
    assert selected(other) == selected(source)


@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN)
def test_one_column_is_masked_and_all_others_stay(
    source: Database, other: Database, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "before.sql").write_bytes(dump(source, *options))
    masked(tmp_path / "before.sql", tmp_path / "after.sql", {"note": "text"})
    restore(other, (tmp_path / "after.sql").read_bytes())
    look(source, other)


def look(source: Database, other: Database) -> None:
    """Look whether *other* has all that *source* has, and other notes."""
    assert selected(other, OTHERS) == selected(source, OTHERS)
    before, after = (selected(each, "id, note") for each in (source, other))
    assert all(old != new for old, new in zip(before, after, strict=True))


@pytest.mark.usefixtures("_same")
@pytest.mark.parametrize("method", IN_ARCHIVE)
def test_an_archive_of_every_type(
    source: Database, other: Database, tmp_path: Path, method: Method
) -> None:
    before, same, after = (tmp_path / each for each in ("before", "same", "after"))
    archive = dump(source, "-Fc", "-Z6" if method is Method.ZLIB else "-Z0")
    read = method in (Method.NONE, Method.ZLIB)  # by a pg_dump of 15
    before.write_bytes(archive if read else test_pg_custom.packed(archive, method))

    masked(before, same, ALL_SAME)
    masked(before, after, {"note": "text"})

    assert fuzzing.text_of(same) == fuzzing.text_of(before)
    if read:
        run("pg_restore", "--exit-on-error", "--dbname", libpq_url(other), after)
        look(source, other)


@pytest.mark.usefixtures("_same")
@pytest.mark.parametrize("method", PACKED)
def test_a_directory_of_every_type(
    source: Database, other: Database, tmp_path: Path, method: Method
) -> None:
    before, same, after = (tmp_path / each for each in ("before", "same", "after"))
    dump(source, "-Fd", "-Z0", f"--file={before}")
    test_pg_directory.pack(before, method)

    masked(before, same, ALL_SAME)
    masked(before, after, {"note": "text"}, jobs=2)

    assert fuzzing.text_of(same) == fuzzing.text_of(before)
    if method in (Method.NONE, Method.GZIP):
        run("pg_restore", "--exit-on-error", "-j2", "--dbname", libpq_url(other), after)
        look(source, other)


STRINGS_ = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
    st.sampled_from([each for each in STRINGS[:25] if len(each) < 100]),
    st.lists(st.sampled_from(["\\", "\t", "\n", "'", '"', ",", "{", "}", "NULL"])).map("".join),
)
ROWS = st.lists(
    st.tuples(
        STRINGS_, st.one_of(st.none(), st.binary(max_size=30)), st.lists(STRINGS_, max_size=3)
    ),
    min_size=1,
    max_size=12,
)
DUMPED = st.sampled_from(sorted(PLAIN))
BLOCKS = st.sampled_from([16, 100, 1 << 20])


@pytest.mark.usefixtures("_same")
@settings(FEW, max_examples=25)
@given(rows=ROWS, chosen=DUMPED, block=BLOCKS)
def test_any_rows_go_through_in_blocks_of_any_size(
    source: Database, tmp_path: Path, rows: list[tuple[object, ...]], chosen: str, block: int
) -> None:
    with connected(source) as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS drawn")
        connection.exec_driver_sql("CREATE TABLE drawn (note text, b bytea, list text[])")
        for row in rows:
            connection.exec_driver_sql("INSERT INTO drawn VALUES (%s, %s, %s)", row)
    before, after, small = (tmp_path / each for each in ("before.sql", "after.sql", "small.sql"))
    before.write_bytes(dump(source, *PLAIN[chosen], "--table=drawn"))
    for each in (after, small):
        each.unlink(missing_ok=True)

    masked(before, after, ALL_SAME)
    with in_blocks_of(block):
        masked(before, small, ALL_SAME)

    assert small.read_bytes() == after.read_bytes()
    with connected(source) as connection:
        held = "SELECT drawn::text FROM drawn ORDER BY ctid"
        expected = connection.exec_driver_sql(held).all()
        connection.exec_driver_sql("DROP TABLE drawn")
    restore(source, after.read_bytes())
    with connected(source) as connection:
        assert connection.exec_driver_sql(held).all() == expected
        connection.exec_driver_sql("DROP TABLE drawn")


@pytest.fixture(scope="module")
def many(source: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dump of COPY text with many rows of nasty strings."""
    folder = tmp_path_factory.mktemp("many")
    values = [{"value": each} for each in STRINGS if len(each) < 1000] * 30
    with connected(source) as connection:
        connection.exec_driver_sql("CREATE TABLE many (note text, other text)")
        connection.exec_driver_sql("INSERT INTO many VALUES (%(value)s, %(value)s)", values)
    (folder / "many.sql").write_bytes(dump(source, "--table=many"))
    with connected(source) as connection:
        connection.exec_driver_sql("DROP TABLE many")
    return folder / "many.sql"


def test_neither_workers_nor_blocks_nor_runs_change_the_output(many: Path, tmp_path: Path) -> None:
    decisions = {"note": "text", "other": {"mask": "text", "domain": "text"}}
    for name, jobs, block in (("a", 1, 1 << 20), ("b", 2, 1 << 20), ("c", 1, 777), ("d", 3, 5000)):
        with in_blocks_of(block):
            masked(many, tmp_path / name, decisions, jobs=jobs)
    written = [(tmp_path / name).read_bytes() for name in "abcd"]
    assert written[1:] == written[:1] * 3
    assert written[0] != many.read_bytes()
