"""Containers: what dumps come in – files, folders, pipes, databases – and how they are read.

What reads one of them is imported when there is one.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Protocol

import sqlalchemy as sa

from anonymizer import sqlite
from anonymizer.dumps import ARCHIVE, formats
from anonymizer.dumps.compression import Method, ahead, reading
from anonymizer.errors import AnonymizerError, DumpError
from anonymizer.reading import read_pieces, read_sqlite
from anonymizer.schema import schema_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.dumps.base import Format, Piece
    from anonymizer.dumps.pg_plain import PlainPostgreSQL
    from anonymizer.reading import Known, Part
    from anonymizer.schema import Schema

PIPE = "-"
HEAD = 64 * 1024
"""Bytes by which the format of a dump is told."""
_TAR, _IN_TAR = b"ustar", 257


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
            return self.format.schema(reading(file)).schema()

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        yield from read_pieces(self.pieces(), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfPgDump:
    """A dump that is no text."""

    path: Path
    keep: frozenset[str] = frozenset()
    """What passes as it is although it holds data: of `passed.KEEPABLE`."""

    by_key: ClassVar[bool] = False

    @property
    def plain(self) -> PlainPostgreSQL:
        """What reads its statements."""
        from anonymizer.dumps.pg_plain import PlainPostgreSQL

        return PlainPostgreSQL(keep=self.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive(_OfPgDump):
    """A dump in the custom format of pg_dump."""

    def schema(self) -> Schema:
        """Return the tables that it creates."""
        from anonymizer.dumps import pg_custom

        with self.path.open("rb") as file:
            return pg_custom.schema(file, self.plain).schema()

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        from anonymizer.dumps import pg_custom

        with self.path.open("rb") as file:
            yield from read_pieces(pg_custom.pieces(file, self.plain), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder(_OfPgDump):
    """A dump in the directory format of pg_dump."""

    def schema(self) -> Schema:
        """Return the tables that it creates."""
        from anonymizer.dumps import pg_directory

        return pg_directory.schema(self.path, self.plain).schema()

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        from anonymizer.dumps import pg_directory

        yield from read_pieces(pg_directory.pieces(self.path, self.plain), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLiteFile:
    """A database of SQLite."""

    path: Path

    by_key: ClassVar[bool] = True

    def schema(self) -> Schema:
        """Return its tables."""
        return schema_at(sa.URL.create("sqlite", database=str(self.path)))

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
        return schema_at(self.url)

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        from anonymizer import live

        with (
            live.dumped(self.url, note=_unheard) as source,
            opened_text(source) as (format_, text),
        ):
            yield from read_pieces(format_.pieces(text), plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipe:
    """A dump that comes through a pipe, once."""

    keep: frozenset[str] = frozenset()

    by_key: ClassVar[bool] = False

    def schema(self) -> Schema:
        """Raise AnonymizerError: it could not be read once more."""
        raise AnonymizerError(
            "a dump from a pipe can be read only once", hint="give the name of a file"
        )

    def parts(self, plan: Known) -> Iterator[Part]:
        """Yield its rows as columns of values, and the text between them."""
        with opened_text(sys.stdin.buffer, self.keep) as (format_, text):
            yield from read_pieces(format_.pieces(text), plan)


def container(place: str, keep: frozenset[str] = frozenset()) -> Container:
    """Return the container at *place*: a path, the URL of a database, or `-` for a pipe.

    What *keep* says, of `passed.KEEPABLE`, is let pass. Raises AnonymizerError for what is not
    there, DumpError for what no format knows.
    """
    if place == PIPE:
        return Pipe(keep=keep)
    if "://" in place:
        return _of_url(place)
    path = Path(place)
    return _of_folder(path, keep) if path.is_dir() else _of_file(path, keep)


def _of_url(place: str) -> Container:
    from anonymizer import live

    url = live.read_url(place)
    path = live.sqlite_path(url)
    if path is not None:
        return SQLiteFile(path=path)
    live.database_of(url)
    return Database(url=url)


def _of_folder(path: Path, keep: frozenset[str]) -> Container:
    from anonymizer.dumps import pg_directory

    if pg_directory.recognizes(path):
        return Folder(path=path, keep=keep)
    raise DumpError(f"{path} is a folder without toc.dat, so no dump of pg_dump -Fd")


def _of_file(path: Path, keep: frozenset[str]) -> Container:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise AnonymizerError(f"{path}: cannot be read: {error.strerror}") from error
    if head.startswith(sqlite.HEAD):
        return SQLiteFile(path=path)
    if head.startswith(ARCHIVE):
        return Archive(path=path, keep=keep)
    with path.open("rb") as file:
        return TextFile(path=path, format=format_of(reading(file).read(HEAD), keep))


def format_of(head: bytes, keep: frozenset[str] = frozenset()) -> Format:
    """Return the format of the text that begins with *head*; raise DumpError if none knows it."""
    if head.startswith(_TAR, _IN_TAR):
        raise DumpError(
            "dumps in the tar format are not read",
            hint="unpack it: what is in it is a dump in the directory format (tar -xf FILE -C "
            "FOLDER); or dump with -Fd or -Fc",
        )
    for each in formats():
        if each.recognizes(head):
            return each.keeping(keep)
    raise DumpError(
        "no known kind of dump begins like this" if head.strip() else "the dump is empty",
        hint="pg_dump (plain, custom, directory), mysqldump, mariadb-dump, SQLite's .dump and "
        "SQLite's files are read; gzip, zstd and lz4 around them",
    )


@contextmanager
def opened_text(
    packed: BinaryIO, keep: frozenset[str] = frozenset()
) -> Iterator[tuple[Format, BinaryIO]]:
    """Give the format of the text that comes through *packed*, and all of it unpacked.

    It lets pass what *keep* says.
    """
    head, plain = ahead(reading(packed), HEAD)
    yield format_of(head, keep), plain


def _unheard(_note: str) -> None:
    """Hear what was left out, and say nothing: who masks is told."""


def method_for(target: Path) -> Method:
    """Return how what is written to *target* is packed, by the end of its name."""
    packed = (Method.GZIP, Method.ZSTD, Method.LZ4)
    return next((each for each in packed if target.suffix == each.value), Method.NONE)
