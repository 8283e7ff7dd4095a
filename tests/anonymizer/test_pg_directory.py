from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING

import pytest

from anonymizer.column import TableName
from anonymizer.dumps import pg_directory
from anonymizer.dumps.base import Rows
from anonymizer.dumps.compression import Method, writing
from anonymizer.dumps.pg_directory import CONTENTS, DataFile, folder_written_aside
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.errors import DumpError
from tests.databases import fresh
from tests.dumped import as_it_is, damaged, dump, fill, libpq_url, rows_of, run, with_large_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from anonymizer.dumps.base import Piece
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


def dumped(database: Database, folder: Path, *options: str) -> Path:
    dump(database, "-Fd", *options, f"--file={folder / 'dump'}")
    return folder / "dump"


def restored(source: Path, servers: Servers, folder: Path, *options: str) -> bytes:
    made = b""
    for database in fresh("postgresql", servers, folder):
        run("pg_restore", "--exit-on-error", *options, "--dbname", libpq_url(database), source)
        made = dump(database)
    return made


def kept(file: DataFile, folder: Path) -> TableName:
    file.rewrite(folder, as_it_is)
    return file.table


def masked(file: DataFile, folder: Path) -> int:
    file.rewrite(folder, mask)
    return file.path.stat().st_size


def mask(pieces: Iterable[Piece]) -> Iterator[bytes]:
    for each in pieces:
        if isinstance(each, Rows) and each.table == TableName("public", "child"):
            yield each.data.replace(b"x", b"masked")
        else:
            yield from as_it_is([each])


@pytest.mark.parametrize("options", [(), ("-Z0",), ("-Z9", "-j2")])
def test_what_is_written_restores(
    database: Database, servers: Servers, tmp_path: Path, options: tuple[str, ...]
) -> None:
    source, target = dumped(database, tmp_path, *options), tmp_path / "written"
    tables = pg_directory.rewrite(source, target, kept)

    assert TableName("public", "kinds") in tables
    assert names(target) == names(source)
    assert (target / CONTENTS).read_bytes() == (source / CONTENTS).read_bytes()
    assert run("pg_restore", "--list", target) == run("pg_restore", "--list", source)
    assert restored(target, servers, tmp_path, "-j2") == dump(database)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_masked_restores(
    database: Database, servers: Servers, tmp_path: Path, jobs: int
) -> None:
    source, target = dumped(database, tmp_path), tmp_path / "written"
    sizes = pg_directory.rewrite(source, target, masked, jobs=jobs)

    assert sizes == sorted(sizes, reverse=True)
    assert restored(target, servers, tmp_path, "-j2") == dump(database).replace(
        b"\n1\tx\n", b"\n1\tmasked\n"
    )


@pytest.mark.parametrize("method", [Method.NONE, Method.GZIP, Method.LZ4, Method.ZSTD])
def test_every_compression_is_read_back(database: Database, tmp_path: Path, method: Method) -> None:
    """The pg_dump at hand may not write them: it is our writer's folder that is read."""
    source, target = dumped(database, tmp_path, "-Z0"), tmp_path / "written"
    rows = rows_of(pg_directory.pieces(source))
    pack(source, method)
    pg_directory.rewrite(source, target, kept)

    assert rows_of(pg_directory.pieces(target)) == rows
    assert names(target) == names(source)


def pack(folder: Path, method: Method) -> None:
    """Pack the files of a dump, the contents as well: pg_restore reads them so."""
    for path in list(folder.iterdir()):
        data = path.read_bytes()
        path.unlink()
        packed = path.with_name(path.name + method.value)
        with packed.open("wb") as file, writing(file, method) as writer:
            writer.write(data)


def test_the_pieces_are_those_of_a_plain_dump(database: Database, tmp_path: Path) -> None:
    source = dumped(database, tmp_path)
    plain = rows_of(PlainPostgreSQL().pieces(io.BytesIO(dump(database))))

    assert rows_of(pg_directory.pieces(source)) == plain
    assert pg_directory.schema(source).tables.keys() >= {table for table, _ in plain}
    assert pg_directory.recognizes(source)
    assert not pg_directory.recognizes(tmp_path)


@pytest.mark.usefixtures("database")
def test_large_objects_are_refused_unless_kept(servers: Servers, tmp_path: Path) -> None:
    target = tmp_path / "written"
    for database in with_large_objects(servers, tmp_path):
        source = dumped(database, tmp_path)

        with pytest.raises(DumpError, match="large objects"):
            pg_directory.rewrite(source, target, kept)
        assert not target.exists()
        pg_directory.rewrite(source, target, kept, plain=KEEPING)
        assert names(target) == names(source)
        assert restored(target, servers, tmp_path, "-j2") == dump(database)


def test_a_tar_that_is_unpacked_is_such_a_folder(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    dump(database, "-Ft", f"--file={tmp_path / 'dump.tar'}")
    shutil.unpack_archive(tmp_path / "dump.tar", tmp_path / "dump", filter="data")
    pg_directory.rewrite(tmp_path / "dump", tmp_path / "written", kept)

    assert restored(tmp_path / "written", servers, tmp_path) == dump(database)


def test_a_failure_leaves_nothing(database: Database, tmp_path: Path) -> None:
    source, target = dumped(database, tmp_path), tmp_path / "written"
    before = names(tmp_path)
    largest = max(source.glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-9])

    for jobs in (1, 2):
        with pytest.raises(DumpError, match="too early"):
            pg_directory.rewrite(source, target, kept, jobs=jobs)
        assert names(tmp_path) == before
    largest.unlink()
    with pytest.raises(DumpError, match="missing"):
        pg_directory.rewrite(source, target, kept)


def test_damage_is_an_error_or_nothing(database: Database, tmp_path: Path) -> None:
    source = dumped(database, tmp_path, "-Z0")
    for name in (CONTENTS, *(path.name for path in source.glob("*.dat") if path.name != CONTENTS)):
        whole = (source / name).read_bytes()
        for each in damaged(whole, 40 if name == CONTENTS else 5):
            (source / name).write_bytes(each)
            outcome(source)
        (source / name).write_bytes(whole)


def outcome(source: Path) -> str | None:
    try:
        for _ in pg_directory.pieces(source):
            pass
    except DumpError as error:
        return str(error)
    return None


def test_a_file_outside_is_not_opened(database: Database, tmp_path: Path) -> None:
    source = dumped(database, tmp_path, "-Z0")
    contents = (source / CONTENTS).read_bytes()
    name = max(path.name for path in source.iterdir() if path.name != CONTENTS).encode()
    outside = (b"../" + b"x" * len(name))[: len(name)]
    (source / CONTENTS).write_bytes(contents.replace(name, outside))

    assert "leads out" in (outcome(source) or "")


def test_what_is_there_is_replaced_at_the_end_only(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()

    with pytest.raises(KeyboardInterrupt), folder_written_aside(target):
        raise KeyboardInterrupt
    assert names(target) == ["old"]
    with folder_written_aside(target) as folder:
        (folder / "new").touch()
    assert names(target) == ["new"]
    assert names(tmp_path) == ["target"]
