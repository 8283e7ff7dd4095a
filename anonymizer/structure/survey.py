"""Survey: a first look at a dump: its structure, and how many rows each table has."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from anonymizer import live
from anonymizer.container import Archive, Database, Folder, Pipe, SQLiteFile, TextFile, opened_text
from anonymizer.dumps import pg_custom, pg_directory
from anonymizer.dumps.compression import reading
from anonymizer.dumps.copy import CopyText
from anonymizer.errors import AnonymizerError, DumpError
from anonymizer.progress import shown
from anonymizer.sqlite.check import refuse_cut
from anonymizer.structure.mysql import MySQL
from anonymizer.structure.postgresql import PostgreSQL
from anonymizer.structure.sqlite import SQLite, structure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from anonymizer.column import TableName
    from anonymizer.container import Container
    from anonymizer.dumps.base import Piece, Rows
    from anonymizer.structure.structure import Structure

ONCE = "what comes through a pipe can be read only once, and this takes more than one reading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The pieces of a dump, and the name of its format."""

    format: str
    pieces: Iterator[Piece]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found."""

    structure: Structure
    rows: Mapping[TableName, int]


class _Gatherer(Protocol):
    def see(self, text: bytes) -> None:
        """Take note of what *text*, whole statements, says."""

    def structure(self) -> Structure:
        """Return what was said so far."""


_GATHERERS: Mapping[str, Callable[[], _Gatherer]] = {
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "sqlite": SQLite,
}


@contextmanager
def opened(container: Container, *, title: str) -> Iterator[Source]:
    """Give the pieces of *container*, read with a sign of progress; not of a SQLite file.

    Raises AnonymizerError for a pipe.
    """
    if isinstance(container, TextFile):
        size = container.path.stat().st_size
        with container.path.open("rb") as file, shown(file, size=size, title=title) as read:
            yield Source(
                format=container.format.name, pieces=container.format.pieces(reading(read))
            )
    elif isinstance(container, Archive):
        size = container.path.stat().st_size
        with container.path.open("rb") as file, shown(file, size=size, title=title) as read:
            yield Source(format="postgresql", pieces=pg_custom.pieces(read, container.plain))
    elif isinstance(container, Folder):
        pieces = pg_directory.pieces(container.path, container.plain)
        yield Source(format="postgresql", pieces=pieces)
    elif isinstance(container, Database):
        with (
            live.dumped(container.url, note=lambda _note: None) as packed,
            shown(packed, size=None, title=title) as read,
            opened_text(read) as (format_, text),
        ):
            yield Source(format=format_.name, pieces=format_.pieces(text))
    else:
        assert isinstance(container, Pipe)  # noqa: S101 - a SQLite file has no pieces
        raise AnonymizerError(ONCE, hint="write it to a file, and give its name")


def survey(container: Container, *, count: bool = True) -> Survey:
    """Return the structure of *container*, and with *count* how many rows its tables have.

    Raises DumpError for what cannot be read.
    """
    if isinstance(container, SQLiteFile):
        return _of_file(container, count=count)
    rows: Counter[TableName] = Counter()
    with opened(container, title="counting") as source:
        gatherer = _GATHERERS[source.format]()
        for piece in source.pieces:
            if isinstance(piece, bytes):
                gatherer.see(piece)
            elif count:
                rows[piece.table] += _count(piece)
    structure = gatherer.structure()
    counts: Counter[TableName] = Counter({table.name: 0 for table in structure.tables})
    for name, number in rows.items():
        if name in structure.own:
            continue
        counts[structure.whole(name)] += number
    return Survey(structure=structure, rows=dict(counts))


def _count(rows: Rows) -> int:
    if isinstance(rows.codec, CopyText):
        return rows.data.count(b"\n")
    try:
        return len(rows.codec.parse(rows.data, len(rows.columns)).starts)
    except DumpError as error:
        raise rows.placed(error) from error


def _of_file(container: SQLiteFile, *, count: bool) -> Survey:
    place = f"{container.path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(place, uri=True)) as connection:
            connection.execute("BEGIN")
            refuse_cut(connection, container.path)
            structure = structure_of(connection)
            rows = {}
            for table in structure.tables if count else ():
                quoted = '"' + table.name.name.replace('"', '""') + '"'
                counting = f"SELECT count(*) FROM {quoted}"  # noqa: S608 - a name, quoted
                (rows[table.name],) = connection.execute(counting).fetchone()
    except (sqlite3.Error, UnicodeDecodeError, MemoryError):
        raise DumpError(
            f"{container.path.name}: cannot be read as a SQLite database",
            hint="look at it: sqlite3 FILE 'PRAGMA integrity_check'",
        ) from None
    return Survey(structure=structure, rows=rows)
