"""Reading: the tables of a dump or of a SQLite file as columns of values, and the text between."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Kind, TableName
from anonymizer.dumps.base import Rows
from anonymizer.errors import DumpError
from anonymizer.sqlite.check import refuse_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from anonymizer.column import Table
    from anonymizer.dumps.base import Block, Piece

BATCH = 8192
"""Rows that are read of a SQLite file at once."""


class Known(Protocol):
    """What reading needs of a plan."""

    @property
    def tables(self) -> Sequence[Table]:
        """Every table on which something is decided."""

    def find(self, name: TableName) -> Table | None:
        """Return the table called *name*."""


class Values(NamedTuple):
    """Values of one column that are not NULL, and the rows of the chunk in which they stand."""

    cells: Cells
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """Some rows of one table, read."""

    table: TableName
    """As the plan names it; a partition that it does not name is its table."""
    columns: tuple[str, ...]
    count: int
    """Number of rows."""
    values: Mapping[str, Values] = field(default_factory=dict)
    """The columns that were wanted, in the order of *columns*."""
    line: int | None = None
    """Line of the dump on which the rows begin, counted from 1."""
    byte: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What is no row: statements, comments, statistics."""

    data: bytes
    line: int = 1
    byte: int = 0


Part: TypeAlias = Chunk | Text
Wanted: TypeAlias = "Callable[[TableName, str], bool]"


def everything(_table: TableName, _column: str) -> bool:
    """Want each column of each table."""
    return True


def read_pieces(
    pieces: Iterable[Piece], plan: Known, *, wanted: Wanted = everything
) -> Iterator[Part]:
    """Yield what *pieces* hold, in order, and of the columns those that are *wanted*.

    A column is decoded when it is looked at first. Raises DumpError then, or before, with table,
    line and byte, for a row that cannot be read.
    """
    line, byte = 1, 0
    for piece in pieces:
        if isinstance(piece, Rows):
            line, byte = piece.line, piece.byte
            yield _chunk(piece, plan, wanted)
        elif piece:
            yield Text(data=piece, line=line, byte=byte)
        data = piece.data if isinstance(piece, Rows) else piece
        line, byte = line + data.count(b"\n"), byte + len(data)


def _chunk(rows: Rows, plan: Known, wanted: Wanted) -> Chunk:
    known = plan.find(rows.table) or (plan.find(rows.part_of) if rows.part_of else None)
    table = known.name if known else rows.table
    with _placing(rows):
        block = rows.codec.parse(rows.data, len(rows.columns))
    places = {name: place for place, name in enumerate(rows.columns) if wanted(table, name)}
    kinds = {name: _kind(known, name) for name in places}
    return Chunk(
        table=table,
        columns=rows.columns,
        count=len(block.starts),
        values=_Decoded(rows, block, places, kinds),
        line=rows.line,
        byte=rows.byte,
    )


class _Decoded(Mapping[str, "Values"]):
    """The values of some columns, each decoded when it is looked at first."""

    def __init__(
        self, rows: Rows, block: Block, places: Mapping[str, int], kinds: Mapping[str, Kind]
    ) -> None:
        self._rows, self._block = rows, block
        self._places, self._kinds = places, kinds
        self._known: dict[str, Values] = {}

    @override
    def __getitem__(self, name: str) -> Values:
        if name not in self._known:
            self._known[name] = self._decode(self._places[name], self._kinds[name])
        return self._known[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    @override
    def __len__(self) -> int:
        return len(self._places)

    def _decode(self, place: int, kind: Kind) -> Values:
        starts = np.ascontiguousarray(self._block.starts[:, place])
        ends = np.ascontiguousarray(self._block.ends[:, place])
        fields = Cells(data=self._block.data, starts=starts, ends=ends)
        with _placing(self._rows):
            valid = np.flatnonzero(~self._rows.codec.is_null(fields))
            return Values(self._rows.codec.decode(fields.take(valid), kind), valid)


@contextmanager
def _placing(rows: Rows) -> Iterator[None]:
    """Have a DumpError in the body say where *rows* are in the dump."""
    try:
        yield
    except DumpError as error:
        placed = (error.table, error.line, error.byte) != (None, None, None)
        raise DumpError(
            error.message.partition(": ")[2] if placed else error.message,
            table=str(rows.table),
            line=rows.line + (error.line or 1) - 1,
            byte=rows.byte + (error.byte or 0),
            hint=error.hint,
        ) from error


def _kind(table: Table | None, name: str) -> Kind:
    """Return what the values of a column are: TEXT where nobody knows it."""
    column = table.column(name) if table else None
    return column.kind if column else Kind.TEXT


def read_sqlite(path: Path, *, wanted: Wanted = everything, batch: int = BATCH) -> Iterator[Part]:
    """Yield the schema of the SQLite file at *path*, and the rows of each of its tables.

    Raises DumpError for a file that is no SQLite database, or a broken one.
    """
    with _opened(path) as connection:
        connection.execute("BEGIN")
        yield from _database(connection, path, wanted, batch)


def free_pages(path: Path) -> int:
    """Return the number of pages in a SQLite file that may still hold what was deleted."""
    with _opened(path) as connection:
        return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to the SQLite file at *path*, which is not written to."""
    place = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(place, uri=True)) as connection:
            connection.text_factory = bytes
            yield connection
    except (sqlite3.Error, UnicodeDecodeError, MemoryError):
        raise DumpError(
            f"{path.name}: cannot be read as a SQLite database",
            hint="look at it: sqlite3 FILE 'PRAGMA integrity_check'",
        ) from None


def _database(
    connection: sqlite3.Connection, path: Path, wanted: Wanted, batch: int
) -> Iterator[Part]:
    found = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY rowid")
    schema = [(kind.decode(), name.decode(), sql) for kind, name, sql in found]
    refuse_cut(connection, path)
    yield Text(data=b"".join(sql + b";\n" for _, _, sql in schema if sql))
    for kind, name, sql in schema:
        if kind == "table" and not sql.upper().startswith(b"CREATE VIRTUAL"):
            yield from _table(connection, TableName(None, name), wanted, batch)


def _table(
    connection: sqlite3.Connection, table: TableName, wanted: Wanted, batch: int
) -> Iterator[Part]:
    quoted = '"' + table.name.replace('"', '""') + '"'
    cursor = connection.execute(f"SELECT * FROM {quoted}")  # noqa: S608 - a name, quoted
    columns = tuple(each[0] for each in cursor.description)
    while rows := cursor.fetchmany(batch):
        read = zip(columns, zip(*rows, strict=True), strict=True)
        values = {name: _column(column) for name, column in read if wanted(table, name)}
        yield Chunk(table=table, columns=columns, count=len(rows), values=values)


def _column(column: Sequence[object]) -> Values:
    valid = [place for place, value in enumerate(column) if value is not None]
    return Values(Cells.of(written(column[place]) for place in valid), np.array(valid, np.int64))


def written(value: object) -> bytes:
    """Return a value of SQLite, not NULL, as bytes."""
    return value if isinstance(value, bytes) else str(value).encode()
