"""Statements of PostgreSQL's scripts: where each ends, by the rules of psql.

A semicolon ends one where no quotes, no parentheses and no BEGIN ATOMIC … END is open;
a line that begins with a backslash is a command of psql.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1 << 21
"""Bytes that are read at once."""
LINE_END = 10

_GAP = re.compile(rb"(?:[ \t\r\n\f]++|--[^\n]*+\n)*+")
_INSERT = re.compile(
    rb"INSERT INTO (?:[^'\";$\\/\-]++|-(?!-)|\"[^\"]*+\"|(?<![Ee])'[^']*+')*+;", re.DOTALL
)
"""An INSERT as pg_dump writes it, read at once; others are read token by token."""
_TOKEN = re.compile(
    rb"""
    (?P<escaped>[Ee]'(?:[^'\\]++|\\.|'')*+')
    | (?P<word>(?![Ee]')[A-Za-z_\x80-\xff][\w$\x80-\xff]*+)
    | (?P<string>'[^']*+')
    | (?P<name>"[^"]*+")
    | (?P<dollar>\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*+)?\$)
    | (?P<line>--[^\n]*+)
    | (?P<comment>/\*)
    | (?P<open>\() | (?P<close>\))
    | (?P<end>;) | (?P<command>\\)
    | (?P<plain>[\s,.:=<>+*!~@\#%^&|?`\[\]]++ | [0-9][\w.]*+ | \$[0-9]*+ | .)
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPED = re.compile(rb"'(?:[^'\\]++|\\.|'')*+'", re.DOTALL)
_OPENED = (b"'", b'"', b"E", b"e")
"""What stands alone only where the quotes that it opens do not close."""
_COMMENT = re.compile(rb"/\*|\*/")
_ROUTINE = re.compile(rb"CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\s", re.IGNORECASE)


class Script:
    """A script that is read from a stream: what is held of it, and where that stands."""

    __slots__ = ("at", "byte", "data", "ended", "escapes", "line", "source")

    def __init__(self, source: BinaryIO) -> None:
        self.source = source
        self.data = b""
        self.at = 0
        """Place in *data* up to which it is taken."""
        self.ended = False
        self.escapes = False
        """Whether a backslash escapes in plain strings: not standard_conforming_strings."""
        self.line = 1
        self.byte = 0

    def more(self) -> None:
        """Read another block, or as much as is held: what is long is looked at a few times."""
        rest = self.data[self.at :]
        block = self.source.read(max(BLOCK, len(rest)))
        self.ended = not block
        self.data, self.at = rest + block, 0

    def take(self, end: int) -> bytes:
        """Return what is held up to *end*, and step over it."""
        data = self.data if self.at == 0 and end == len(self.data) else self.data[self.at : end]
        self.at = end
        self.byte += len(data)
        self.line += int(np.count_nonzero(np.frombuffer(data, np.uint8) == LINE_END))
        return data

    def gap(self) -> bytes:
        """Take the spaces and comments that stand here: all that is left, when nothing follows."""
        while True:
            end = _end_of_gap(self.data, self.at)
            comment = self.data.startswith(b"--", end)
            if self.ended:
                return self.take(len(self.data) if comment else end)
            if len(self.data) - end > 1 and not comment:
                return self.take(end)
            self.more()

    def statement(self) -> bytes:
        """Take the statement, or the command of psql, that begins here, to its last byte.

        Raises DumpError when it does not end.
        """
        while True:
            end = end_of_statement(self.data, self.at, final=self.ended, escapes=self.escapes)
            if end:
                return self.take(end)
            if self.ended:
                raise self.error(
                    "the dump ends in a statement", hint="it is truncated: copy it or make it again"
                )
            self.more()

    def error(
        self, problem: str, *, table: str | None = None, hint: str | None = None
    ) -> DumpError:
        """Return the error that says *problem*, and where: what is taken next."""
        return DumpError(problem, table=table, line=self.line, byte=self.byte, hint=hint)


def statements_in(text: bytes, *, escapes: bool = False) -> Iterator[bytes]:
    """Yield the statements of *text*, all of a script; the last needs no semicolon."""
    at = 0
    while at < len(text):
        at = _end_of_gap(text, at)
        end = end_of_statement(text, at, final=True, escapes=escapes) or len(text)
        if text[at:end].strip():
            yield text[at:end]
        at = end


def end_of_statement(data: bytes, at: int, *, final: bool, escapes: bool) -> int | None:
    """Return where the statement that begins at *at* ends, None when that is not in *data*.

    A command of psql ends with its line, or with *data* when that is *final*.
    """
    if data.startswith(b"\\", at):
        return data.find(b"\n", at) + 1 or (len(data) if final else None)
    if not escapes and (quick := _INSERT.match(data, at)):
        return quick.end()
    return _end_by_tokens(data, at, escapes=escapes)


def _end_by_tokens(data: bytes, at: int, *, escapes: bool) -> int | None:
    depth, atomic = 0, 0
    routine = _ROUTINE.match(data, at)
    for kind, start, end in tokens(data, at, escapes=escapes):
        if kind == "command":
            return start
        if kind == "end" and not depth and not atomic:
            return end
        depth += (kind == "open") - (kind == "close" and depth > 0)
        if kind == "word" and routine and not depth:
            atomic = _atomic(data[start:end].lower(), atomic)
    return None


def tokens(data: bytes, at: int, *, escapes: bool = False) -> Iterator[tuple[str, int, int]]:
    """Yield kind, start and end of each token from *at* on, until one does not end in *data*."""
    while match := _TOKEN.match(data, at):
        kind, end = str(match.lastgroup), match.end()
        if kind == "dollar":
            end = data.find(match[0], end) + len(match[0])
        elif kind == "comment":
            end = _end_of_comment(data, end)
        elif kind == "string" and escapes:
            end = _end_of_escaped(data, match.start())
        elif kind == "plain" and match[0] in _OPENED:
            return
        if end <= match.start() or end < match.end():
            return
        yield kind, match.start(), end
        at = end


def _atomic(word: bytes, depth: int) -> int:
    """Return how many BEGIN and CASE are open after *word* in a routine, outside parentheses."""
    if word == b"begin" or (word == b"case" and depth):
        return depth + 1
    return depth - 1 if word == b"end" and depth else depth


def _end_of_gap(data: bytes, at: int) -> int:
    match = _GAP.match(data, at)
    return match.end() if match else at


def _end_of_comment(data: bytes, at: int) -> int:
    """Return where the comment ends whose begin ends at *at*, 0 when it does not: they nest."""
    depth = 1
    for match in _COMMENT.finditer(data, at):
        depth += 1 if match[0] == b"/*" else -1
        if not depth:
            return match.end()
    return 0


def _end_of_escaped(data: bytes, start: int) -> int:
    match = _ESCAPED.match(data, start)
    return match.end() if match else 0
