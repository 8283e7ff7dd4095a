"""Plain dumps of PostgreSQL: the scripts of pg_dump and pg_dumpall."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from anonymizer.dumps.base import Rows
from anonymizer.dumps.copy import CopyText
from anonymizer.dumps.described import Described
from anonymizer.dumps.pg_schema import described, learn
from anonymizer.dumps.pg_split import BLOCK, Script
from anonymizer.dumps.pg_statement import copied, is_insert, refusal_of, turns_escapes
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.column import TableName
    from anonymizer.dumps.base import Codec, Piece

END = b"\\.\n"
"""The line after the last row of a COPY."""
_END = re.compile(re.escape(END))
_LINE_END = ord("\n")
_ENOUGH = BLOCK // 2
_NEAR = 1 << 14
"""Bytes in which the end of the rows is searched for first: many tables are small."""
_HEAD = re.compile(
    rb"^-- PostgreSQL database (?:cluster )?dump\r?$|^COPY [^\n]* FROM stdin;\r?$"
    rb"|^SELECT pg_catalog\.set_config\('search_path'",
    re.MULTILINE,
)
_MARK = re.compile(rb"^-- PostgreSQL database (cluster )?dump( complete)?\r?$", re.MULTILINE)
_TRUNCATED = "it is truncated: copy it or make it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPostgreSQL:
    """The format of pg_dump without -F, and of pg_dumpall.

    A piece of bytes is one statement, or what stands between two.
    """

    name: str = "postgresql"
    codec: Codec = field(default_factory=CopyText)
    keep: frozenset[str] = frozenset()
    """What passes as it is although it holds data: of `passed.KEEPABLE`."""

    def keeping(self, words: frozenset[str]) -> PlainPostgreSQL:
        """Return the format that lets pass what *words* say."""
        return replace(self, keep=words)

    def recognizes(self, head: bytes) -> bool:
        """Return whether *head* has the first comment, or a statement, that only pg_dump writes."""
        return _HEAD.search(head) is not None

    def pieces(self, source: BinaryIO, known: Described | None = None) -> Iterator[Piece]:
        """Yield the statements of *source*, and its rows in pieces of about 1 MiB.

        *known* learns what they say of tables. Raises DumpError, with line and byte, for what is
        truncated or could hold data.
        """
        yield from self.script_pieces(Script(source), Described() if known is None else known)

    def schema(self, source: BinaryIO) -> Described:
        """Return the tables that *source* makes or fills; it is read to its end."""
        return described(self.pieces(source))

    def script_pieces(self, script: Script, known: Described) -> Iterator[Piece]:
        """Yield all of *script* as `pieces` does; *known* knows tables, and learns of more."""
        open_dumps = 0
        while True:
            if gap := script.gap():
                open_dumps += _opened(gap)
                yield gap
            if script.at == len(script.data):
                break
            yield from self._statement(script, known)
        if open_dumps > 0:
            raise script.error('the comment "dump complete" is missing', hint=_TRUNCATED)

    def _statement(self, script: Script, known: Described) -> Iterator[Piece]:
        """Yield the statement that begins here, and the rows that follow it."""
        line, byte = script.line, script.byte
        statement = script.statement()
        if copy := copied(statement, known.default):
            yield statement + _line_end(script)
            whole = known.whole(copy[0])
            yield from copied_rows(script, *copy, codec=self.codec, part_of=whole)
            return
        if is_insert(statement):
            # Few dumps have one, and what reads them is as much again.
            from anonymizer.dumps.pg_inserts import inserted_rows

            yield from inserted_rows(script, statement, known)
            return
        if refusal := refusal_of(statement, self.keep):
            raise DumpError(refusal.problem, line=line, byte=byte, hint=refusal.hint)
        escapes = turns_escapes(statement)
        script.escapes = script.escapes if escapes is None else escapes
        learn(statement, known)
        yield statement


FORMAT = PlainPostgreSQL()


def copied_rows(
    script: Script,
    table: TableName,
    columns: tuple[str, ...],
    *,
    codec: Codec,
    part_of: TableName | None = None,
) -> Iterator[Piece]:
    """Yield the rows that begin here, and the line that ends them.

    Raises DumpError when they do not end.
    """
    while True:
        end = _end_of_rows(script.data, script.at)
        last = end is not None
        if end is None:
            end = script.data.rfind(b"\n", script.at) + 1
        if end > script.at and (last or script.ended or end - script.at >= _ENOUGH):
            rows = _rows(script, end, table, columns, codec)
            yield replace(rows, part_of=part_of) if isinstance(rows, Rows) else rows
        if last:
            yield script.take(end + len(END))
            return
        if script.ended:
            raise script.error("the rows do not end", table=str(table), hint=_TRUNCATED)
        script.more()


def _end_of_rows(data: bytes, at: int, near: int = _NEAR) -> int | None:
    """Return where the line stands in *data*, from the begin of a line at *at*, that ends rows."""
    until = min(at + near, len(data))
    ends = (found.start() for found in _END.finditer(data, at, until))
    for place in chain(ends, _marks(data, max(at, until - len(END)))):
        line_begins = place == at or data[place - 1] == _LINE_END
        if line_begins and data.startswith(END, place):
            return place
    return None


def _marks(data: bytes, at: int) -> Iterator[int]:
    """Yield the places from *at* on of a backslash and a dot: a third of the time of a search."""
    text = np.frombuffer(data, np.uint8)[at:]
    if len(text):
        found = np.flatnonzero((text[:-1] == END[0]) & (text[1:] == END[1]))
        yield from (found + at).tolist()


def _rows(
    script: Script, end: int, table: TableName, columns: tuple[str, ...], codec: Codec
) -> Piece:
    """Take the rows up to *end*; those of a table without columns are line ends, and pass."""
    line, byte = script.line, script.byte
    data = script.take(end)
    if columns:
        return Rows(table=table, columns=columns, data=data, codec=codec, line=line, byte=byte)
    if data.strip(b"\n"):
        raise DumpError(
            "this COPY has rows and does not say their columns",
            table=str(table),
            line=line,
            byte=byte,
            hint="make the dump with pg_dump: it says them",
        )
    return data


def _line_end(script: Script) -> bytes:
    """Take the line end after a COPY: the rows begin behind it."""
    while script.at == len(script.data) and not script.ended:
        script.more()
    if not script.data.startswith(b"\n", script.at):
        raise script.error(
            "a COPY does not end its line with a line feed",
            hint="a dump with line ends of Windows is not read: convert it, or use pg_dump --file",
        )
    return script.take(script.at + 1)


def _opened(gap: bytes) -> int:
    """Return how many dumps begin in the comments of *gap*, less those that end there."""
    return sum(-1 if complete else 1 for _, complete in _MARK.findall(gap))
