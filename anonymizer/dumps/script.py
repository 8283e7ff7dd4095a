"""Script: a dump that is SQL statements, read from begin to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from anonymizer.dumps import split, statements
from anonymizer.dumps.base import Rows
from anonymizer.dumps.described import Described
from anonymizer.dumps.statements import Sort
from anonymizer.dumps.window import CHUNK, Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from anonymizer.column import TableName
    from anonymizer.dumps.base import Format, Piece
    from anonymizer.dumps.inserts import Inserts
    from anonymizer.dumps.statements import Found, Grammar


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an INSERT writes to."""

    table: TableName
    columns: tuple[str, ...]
    """None where the rows are of the database's own and pass unchanged."""
    codec: Inserts


class Reader(Protocol):
    """What reads the statements of one format: it knows what they do to those behind them."""

    known: Described
    """What was created so far."""

    @property
    def grammar(self) -> Grammar:
        """The patterns of what comes next."""

    def see(self, found: Found, window: Window) -> None:
        """Take note of what passes unchanged.

        Raises DumpError for a statement that is not known and could hold data.
        """

    def target(self, found: Found, window: Window) -> Target:
        """Return what the INSERT at the begin of *window* writes to.

        Raises DumpError where its columns cannot be known.
        """

    def codec(self, target: Target, data: bytes) -> Inserts:
        """Return the codec for *data*, rows of *target*."""

    def finish(self, window: Window) -> None:
        """Raise DumpError when the dump may not end here."""


def pieces(source: BinaryIO, reader: Reader) -> Iterator[Piece]:
    """Yield all of *source* in order: rows, and between them what *reader* lets pass."""
    passed = bytearray()
    for piece in _pieces(Window(source), reader):
        if isinstance(piece, bytes):
            passed += piece
        if len(passed) >= CHUNK or (passed and isinstance(piece, Rows)):
            yield bytes(passed)
            passed.clear()
        if isinstance(piece, Rows):
            yield piece
    if passed:
        yield bytes(passed)


def _pieces(window: Window, reader: Reader) -> Iterator[Piece]:
    while found := statements.find(window, reader.grammar):
        if found.sort is Sort.INSERT:
            yield from _rows(window, found, reader)
        else:
            reader.see(found, window)
            yield window.take(found.end)
    reader.finish(window)


def _rows(window: Window, found: Found, reader: Reader) -> Iterator[Piece]:
    """Yield the rows that are inserted at the begin of *window*."""
    target = reader.target(found, window)
    table, columns = target.table, target.columns
    line, byte = window.line, window.byte
    backslash = target.codec.dialect.backslash
    known = str(table) if table in reader.known.tables else None
    for data in split.rows(window, found.text, backslash=backslash, table=known):
        if columns:
            codec = reader.codec(target, data)
            yield Rows(table=table, columns=columns, data=data, codec=codec, line=line, byte=byte)
        else:
            yield data
        line, byte = window.line, window.byte


def schema(format_: Format, source: BinaryIO) -> Described:
    """Return what *source*, read to its end, says of tables."""
    known = Described()
    for _ in format_.pieces(source, known):
        pass
    return known
