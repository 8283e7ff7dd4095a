from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from anonymizer.column import TableName
from anonymizer.container import format_of
from anonymizer.dumps import pg_archive, pg_custom
from anonymizer.dumps.base import Rows
from anonymizer.dumps.pg_contents import (
    IN_HEADER,
    NO_DATA,
    POSITION_NOT_SET,
    POSITION_SET,
    Contents,
    Entry,
    read_contents,
)
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.dumps.pg_statement import LARGE_OBJECTS_REFUSED
from anonymizer.errors import DumpError
from tests.databases import fresh
from tests.dumped import as_it_is, damaged, dump, fill, libpq_url, rows_of, run, with_large_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.compression import Method
    from anonymizer.dumps.pg_archive import Mask
    from tests.databases import Database, Servers

KEEPING = PlainPostgreSQL(keep=frozenset(["large_objects"]))


@pytest.fixture(scope="module", params=["postgresql"])
def database(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database with a bit of everything, which no test changes."""
    for made in fresh(request.param, servers, tmp_path_factory.mktemp("filled")):
        fill(made)
        yield made


def rewritten(dumped: bytes, mask: Mask = as_it_is, plain: PlainPostgreSQL | None = None) -> bytes:
    target = io.BytesIO()
    pg_custom.rewrite(io.BytesIO(dumped), target, mask, plain)
    return target.getvalue()


def restored(dumped: bytes, servers: Servers, folder: Path, *options: str) -> bytes:
    """Return the plain dump of what pg_restore makes of *dumped*."""
    file = folder / "dump"
    file.write_bytes(dumped)
    made = b""
    for database in fresh("postgresql", servers, folder):
        run("pg_restore", "--exit-on-error", *options, "--dbname", libpq_url(database), file)
        made = dump(database)
    return made


def listed(dumped: bytes, folder: Path) -> bytes:
    file = folder / "listed"
    file.write_bytes(dumped)
    return run("pg_restore", "--list", file)


@pytest.mark.parametrize("options", [(), ("-Z0",), ("-Z9",)])
def test_what_is_written_restores(
    database: Database, servers: Servers, tmp_path: Path, options: tuple[str, ...]
) -> None:
    dumped = dump(database, "-Fc", *options)
    written = rewritten(dumped)

    assert set(states(written)) == {POSITION_SET, NO_DATA}
    assert listed(written, tmp_path) == listed(dumped, tmp_path)
    assert restored(written, servers, tmp_path) == dump(database)
    assert restored(written, servers, tmp_path, "-j2") == dump(database)


def states(dumped: bytes) -> list[int]:
    """Return what each entry says of its data: that it has none, or whether its place is said."""
    contents = read_contents(io.BytesIO(dumped))
    return [contents.data[each.place] for each in contents.entries]


def test_what_is_masked_restores(database: Database, servers: Servers, tmp_path: Path) -> None:
    written = rewritten(dump(database, "-Fc"), masked)

    assert restored(written, servers, tmp_path, "-j2") == dump(database).replace(
        b"\n1\tx\n", b"\n1\tmasked\n"
    )


def masked(pieces: Iterable[Piece]) -> Iterator[bytes]:
    for each in pieces:
        if isinstance(each, Rows) and each.table == TableName("public", "child"):
            yield each.data.replace(b"x", b"masked")
        else:
            yield from as_it_is([each])


def test_a_pipe_says_no_places_as_with_pg_dump(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    target = Pipe()
    pg_custom.rewrite(io.BytesIO(dump(database, "-Fc")), target, as_it_is)

    assert set(states(target.getvalue())) == {POSITION_NOT_SET, NO_DATA}
    assert restored(target.getvalue(), servers, tmp_path) == dump(database)
    assert restored(target.getvalue(), servers, tmp_path, "-j2") == dump(database)


class Pipe(io.BytesIO):
    @override
    def seekable(self) -> bool:
        return False


def test_the_pieces_are_those_of_a_plain_dump(database: Database) -> None:
    plain = rows_of(PlainPostgreSQL().pieces(io.BytesIO(dump(database))))
    archive = io.BytesIO(dump(database, "-Fc"))

    assert rows_of(pg_custom.pieces(archive)) == plain
    archive.seek(0)
    assert pg_custom.schema(archive).tables.keys() >= {table for table, _ in plain}


@pytest.mark.usefixtures("database")
def test_large_objects_are_refused_unless_kept(servers: Servers, tmp_path: Path) -> None:
    for database in with_large_objects(servers, tmp_path):
        dumped, plain = dump(database, "-Fc"), dump(database)

        with pytest.raises(DumpError, match="large objects"):
            rewritten(dumped)
        written = rewritten(dumped, plain=KEEPING)
        assert b"lowrite" in plain
        assert restored(written, servers, tmp_path) == plain


PARTS = [
    ("--schema-only",),
    ("--data-only",),
    ("--section=pre-data",),
    ("--inserts", "--rows-per-insert=100"),
]


@pytest.mark.parametrize("options", PARTS)
def test_a_part_of_a_dump_is_read(
    database: Database, tmp_path: Path, options: tuple[str, ...]
) -> None:
    dumped = dump(database, "-Fc", *options)
    written = rewritten(dumped)

    assert plain_of(written, tmp_path) == plain_of(dumped, tmp_path)


def plain_of(dumped: bytes, folder: Path) -> bytes:
    file = folder / "dump"
    file.write_bytes(dumped)
    return run("pg_restore", "--restrict-key=key", "--file=-", file)


@pytest.mark.parametrize("method", list(IN_HEADER))
def test_every_compression_is_read_back(database: Database, method: Method) -> None:
    """The pg_dump at hand may not write them: it is our writer's archive that is read."""
    dumped = dump(database, "-Fc", "-Z0")
    repacked = packed(dumped, method)
    written = rewritten(repacked)

    assert read_contents(io.BytesIO(written)).header.method is method
    assert rows_of(pg_custom.pieces(io.BytesIO(written))) == rows_of(
        pg_custom.pieces(io.BytesIO(dumped))
    )


def packed(dumped: bytes, method: Method) -> bytes:
    """Return the archive *dumped*, which is not packed, with data packed by *method*."""
    target = io.BytesIO()
    archive = pg_custom._Archive(io.BytesIO(dumped), PlainPostgreSQL())
    writer = pg_custom._Writer(target, with_method(archive.contents, method))
    for entry, piece in archive.pieces():
        writer.write(entry, piece if isinstance(piece, bytes) else piece.data)
    writer.finish()
    return target.getvalue()


def test_an_entry_that_is_a_list_of_large_objects_is_no_statement() -> None:
    """PostgreSQL 17 and newer write them so."""
    name = TableName("", "BLOB METADATA")
    entry = Entry(
        number=1, kind="BLOB METADATA", table=name, definition=b"7\n8\n", drop=b"", copy=b""
    )

    assert pg_archive._refusal(entry, frozenset(), escapes=False) == LARGE_OBJECTS_REFUSED
    assert pg_archive._refusal(entry, KEEPING.keep, escapes=False) is None


def with_method(contents: Contents, method: Method) -> Contents:
    """Return *contents* of version 1.15, whose header names the method."""
    old, number = contents.data, IN_HEADER.index(method)
    level = 1 if contents.header.version >= (1, 15) else 5
    data = old[:6] + bytes([max(15, old[6])]) + old[7:11] + bytes([number]) + old[11 + level :]
    moved = len(data) - len(old)
    return replace(
        contents,
        header=replace(contents.header, method=method),
        entries=tuple(replace(each, place=each.place + moved) for each in contents.entries),
        data=data,
    )


def test_every_truncation_is_refused(database: Database) -> None:
    dumped = dump(database, "-Fc", "--exclude-table-data", '"Odd*".*')
    for at in range(0, len(dumped), max(1, len(dumped) // 300)):
        with pytest.raises(DumpError):
            rewritten(dumped[:at])


def test_an_archive_that_ends_between_two_tables_is_truncated(database: Database) -> None:
    dumped = rewritten(dump(database, "-Fc"))
    contents = read_contents(io.BytesIO(dumped))
    fields = [contents.data[each.place + 1 : each.place + 9] for each in contents.entries]
    last = max(int.from_bytes(each, "little") for each in fields)

    with pytest.raises(DumpError, match="before the data of entry"):
        rewritten(dumped[:last])


@pytest.mark.parametrize("method", list(IN_HEADER))
def test_damage_is_an_error_or_nothing(database: Database, method: Method) -> None:
    dumped = packed(dump(database, "-Fc", "-Z0", "--exclude-table-data", '"Odd*".*'), method)
    for each in damaged(dumped, 150):
        refused(each)


@pytest.mark.slow
@pytest.mark.parametrize("method", list(IN_HEADER))
def test_much_damage_is_an_error_or_nothing(database: Database, method: Method) -> None:
    dumped = packed(dump(database, "-Fc", "-Z0", "--exclude-table-data", '"Odd*".*'), method)
    for each in damaged(dumped, 5_000):
        refused(each)


def refused(dumped: bytes) -> bool:
    try:
        rewritten(dumped)
    except DumpError:
        return True
    return False


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "ends too early"),
        (b"PGDM", "ends too early"),
        (b"-- PostgreSQL database dump", "no archive"),
        (b"PGDMP\1\x0b\0\4\10\1", "version 1.11"),
        (b"PGDMP\1\x11\0\4\10\1", "version 1.17"),
        (b"PGDMP\1\x0e\0\x20\10\1", "damaged"),
        (b"PGDMP\1\x0f\0\4\10\1\4", "damaged"),
        (b"PGDMP\1\x0f\0\4\10\1\0", "ends too early"),
    ],
)
def test_what_is_no_archive_is_refused(head: bytes, message: str) -> None:
    with pytest.raises(DumpError, match=message):
        rewritten(head)


def test_tar_is_refused_with_a_way(database: Database) -> None:
    dumped = dump(database, "-Ft")

    with pytest.raises(DumpError, match="tar") as caught:
        format_of(dumped[:512])
    assert "-Fd" in (caught.value.hint or "")
    assert format_of(dump(database)[:512]).name == "postgresql"
