"""Containers: what dumps come in – files, folders, pipes, databases – and how they are read."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Protocol

import sqlalchemy as sa

from anonymizer import live, sqlite
from anonymizer.dumps import FORMATS, pg_custom, pg_directory
from anonymizer.dumps.compression import BLOCK, Method, reading, stream
from anonymizer.dumps.pg_archive import refuse_tar
from anonymizer.dumps.pg_schema import Described
from anonymizer.errors import AnonymizerError, DumpError
from anonymizer.reading import read_pieces, read_sqlite
from anonymizer.schema import Schema, read_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.column import TableName
    from anonymizer.dumps.base import Format, Piece
    from anonymizer.reading import Known, Part

PIPE = "-"
HEAD = 64 * 1024
"""Bytes by which the format of a dump is told."""


class Container(Protocol):
    """A dump, or a database, that can be read as often as one likes, but for a pipe."""

    @property
    def by_key(self) -> bool:
        """Whether rows lie by their primary key, so that masked ones are in another order."""

    def schema(self) -> Schema:
        """Return its tables and columns."""

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A dump that is one text, in a file, packed or not."""

    path: Path
    format: Format

    by_key: ClassVar[bool] = False

    def pieces(self) -> Iterator[Piece]:
        """Yield what passes unchanged, and rows."""
        with self.path.open("rb") as file:
            yield from self.format.pieces(reading(file))

    def schema(self) -> Schema:
        """Return the tables that it creates or fills."""
        with self.path.open("rb") as file:
            return _schema(self.format.schema(reading(file)))

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        yield from read_pieces(self.pieces(), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A dump in the custom format of pg_dump."""

    path: Path

    by_key: ClassVar[bool] = False

    def schema(self) -> Schema:
        """Return the tables that it creates."""
        with self.path.open("rb") as file:
            return _schema(pg_custom.schema(file))

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        with self.path.open("rb") as file:
            yield from read_pieces(pg_custom.pieces(file), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A dump in the directory format of pg_dump."""

    path: Path

    by_key: ClassVar[bool] = False

    def schema(self) -> Schema:
        """Return the tables that it creates."""
        return _schema(pg_directory.schema(self.path))

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        yield from read_pieces(pg_directory.pieces(self.path), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLiteFile:
    """A database of SQLite."""

    path: Path

    by_key: ClassVar[bool] = True

    def schema(self) -> Schema:
        """Return its tables."""
        return _of_database(sa.URL.create("sqlite", database=str(self.path)))

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        del plan
        yield from read_sqlite(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A live database of PostgreSQL or MariaDB."""

    url: sa.URL

    @property
    def by_key(self) -> bool:
        """Rows lie by their primary key, but for PostgreSQL."""
        return self.url.get_backend_name() != "postgresql"

    def schema(self) -> Schema:
        """Return its tables."""
        return _of_database(self.url)

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        with (
            live.dumped(self.url, note=_unheard) as source,
            opened_text(source) as (format_, text),
        ):
            yield from read_pieces(format_.pieces(text), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipe:
    """A dump that comes through a pipe, once."""

    by_key: ClassVar[bool] = False

    def schema(self) -> Schema:
        """Raise AnonymizerError: it could not be read once more."""
        raise AnonymizerError(
            "a dump from a pipe can be read only once", hint="give the name of a file"
        )

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        with opened_text(sys.stdin.buffer) as (format_, text):
            yield from read_pieces(format_.pieces(text), plan)


def container(place: str) -> Container:
    """Return the container at *place*: a path, the URL of a database, or `-` for a pipe.

    Raises AnonymizerError for what is not there, DumpError for what no format knows.
    """
    if place == PIPE:
        return Pipe()
    if "://" in place:
        url = live.read_url(place)
        path = live.sqlite_path(url)
        return Database(url=url) if path is None else SQLiteFile(path=path)
    return _of_path(Path(place))


def _of_path(path: Path) -> Container:
    if path.is_dir():
        if pg_directory.recognizes(path):
            return Folder(path=path)
        raise DumpError(f"{path} is a folder without toc.dat, so no dump of pg_dump -Fd")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise AnonymizerError(f"{path}: cannot be read: {error.strerror}") from error
    if head.startswith(sqlite.HEAD):
        return SQLiteFile(path=path)
    if pg_custom.recognizes(head):
        return Archive(path=path)
    with path.open("rb") as file:
        return TextFile(path=path, format=format_of(reading(file).read(HEAD)))


def format_of(head: bytes) -> Format:
    """Return the format of the text that begins with *head*; raise DumpError if none knows it."""
    refuse_tar(head)
    for each in FORMATS:
        if each.recognizes(head):
            return each
    raise DumpError(
        "no known kind of dump begins like this" if head.strip() else "the dump is empty",
        hint="pg_dump (plain, custom, directory), mysqldump, mariadb-dump, SQLite's .dump and "
        "SQLite's files are read; gzip, zstd and lz4 around them",
    )


@contextmanager
def opened_text(packed: BinaryIO) -> Iterator[tuple[Format, BinaryIO]]:
    """Give the format of the text that comes through *packed*, and all of it unpacked."""
    plain = reading(packed)
    head = plain.read(HEAD)
    yield format_of(head), stream(_again(head, plain))


def _again(head: bytes, rest: BinaryIO) -> Iterator[bytes]:
    """Yield *head*, which is read, and the *rest*."""
    yield head
    while block := rest.read(BLOCK):
        yield block


def _unheard(_note: str) -> None:
    """Hear what was left out, and say nothing: who masks is told."""


def method_for(target: Path) -> Method:
    """Return how what is written to *target* is packed, by the end of its name."""
    packed = (Method.GZIP, Method.ZSTD, Method.LZ4)
    return next((each for each in packed if target.suffix == each.value), Method.NONE)


def _of_database(url: sa.URL) -> Schema:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return read_schema(connection)
    except sa.exc.SQLAlchemyError as error:
        raise AnonymizerError(
            f"the database cannot be looked at: {type(error).__name__}",
            hint="look at the URL, and whether the database can be reached",
        ) from None
    except UnicodeDecodeError:  # SQLite's driver raises it as it is
        raise DumpError(
            "the schema of the database cannot be read: a name in it is not UTF-8",
            hint="it is damaged, as PRAGMA integrity_check may say; or the name has to be changed",
        ) from None


def _schema(found: Described | Mapping[TableName, tuple[str, ...]]) -> Schema:
    if isinstance(found, Described):
        return Schema(
            tables=found.tables,
            generated=found.generated,
            keys=found.keys,
            partitions=found.partitions,
            default=found.default,
        )
    return Schema(tables={name: dict.fromkeys(columns) for name, columns in found.items()})
