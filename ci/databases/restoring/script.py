"""Script: SQL as clients run it, read line by line, so that what we may not run is left out.

A lexer knows where a statement begins, and what stands in a string, a comment or the rows of a
COPY. It need not be as exact as the client's: whatever it overlooks, the client and the role
that runs it refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from ci.databases.restoring.compression import RESTORE
from ci.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 1 << 30
EDGE = 1 << 10
"""Bytes in which a tool says that a dump begins, or ends."""
NESTED = re.compile(rb"/\*|\*/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """How a database writes SQL, as far as that tells where a statement ends."""

    plain: re.Pattern[bytes]
    """Matches as much as possible of what neither ends a statement nor leaves something open."""
    opening: re.Pattern[bytes]
    """What opens something that ends on a later line, or a comment up to the end of the line."""
    closing: dict[bytes, re.Pattern[bytes]]
    """How what is opened is closed; what is not in here is closed by itself."""
    nested: bool


POSTGRESQL = Syntax(
    plain=re.compile(
        rb"""(?:[^eE'"$/;-]+|(?<![\w\x80-\xff])[eE]'(?:[^'\\]|\\.)*+'|[eE](?!')|"""
        rb"""(?<=[\w\x80-\xff])[eE]|'[^']*+'|"[^"]*+")*+""",
        re.DOTALL,
    ),
    opening=re.compile(
        rb"""--[^\n]*|/\*|[eE]'|'|"|(?<![\w\x80-\xff])\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$"""
    ),
    closing={
        b"'": re.compile(rb"[^']*+'"),
        b'"': re.compile(rb'[^"]*+"'),
        b"e'": re.compile(rb"(?:[^'\\]|\\.)*+'", re.DOTALL),
    },
    nested=True,
)
MARIADB = Syntax(
    plain=re.compile(
        rb"""(?:[^'"`/;#$|-]+|'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|`[^`]*+`)*+""", re.DOTALL
    ),
    # What stands in /*! … */ is code.
    opening=re.compile(rb"""--(?=\s)[^\n]*|\#[^\n]*|/\*(?!M?!)|'|"|`"""),
    closing={
        b"'": re.compile(rb"(?:[^'\\]|\\.)*+'", re.DOTALL),
        b'"': re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL),
        b"`": re.compile(rb"[^`]*+`"),
        b"/*": re.compile(rb".*?\*/", re.DOTALL),
    },
    nested=False,
)


class Lexer:
    """Where in a script the next line begins."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax
        self.delimiter = b";"
        self.fresh = True
        """Whether no statement has begun since the last one ended."""
        self.open: bytes | None = None
        """The string, name or comment that the line begins in."""
        self._depth = 0

    @property
    def outside(self) -> bool:
        """Whether the line begins in no string, name or comment."""
        return self.open is None

    def read(self, line: bytes) -> None:
        """Go on to the end of *line*."""
        at = 0
        while at < len(line):
            at = self._close(line, at) if self.open is not None else self._go_on(line, at)

    def _go_on(self, line: bytes, at: int) -> int:
        match = self._syntax.plain.match(line, at)
        end = match.end() if match else at
        if self.fresh and line[at:end].strip():
            self.fresh = False
        if line.startswith(self.delimiter, end):
            self.fresh = True
            return end + len(self.delimiter)
        opening = self._syntax.opening.match(line, end)
        if opening is None:
            self.fresh = self.fresh and end >= len(line)
            return end + 1
        self._open(opening.group())
        return opening.end()

    def _open(self, found: bytes) -> None:
        if found.startswith((b"--", b"#")):
            return
        self.open = found.lower() if found in (b"E'", b"e'") else found
        if found == b"/*":
            self._depth = 1
        else:
            self.fresh = False

    def _close(self, line: bytes, at: int) -> int:
        assert self.open is not None  # noqa: S101 - asked before
        if self.open == b"/*" and self._syntax.nested:
            return self._close_nested(line, at)
        pattern = self._syntax.closing.get(self.open)
        if pattern is None:
            found = line.find(self.open, at)
            end = -1 if found < 0 else found + len(self.open)
        else:
            match = pattern.match(line, at)
            end = match.end() if match else -1
        if end < 0:
            return len(line)
        self.open = None
        return end

    def _close_nested(self, line: bytes, at: int) -> int:
        for match in NESTED.finditer(line, at):
            self._depth += 1 if match.group() == b"/*" else -1
            if not self._depth:
                self.open = None
                return match.end()
        return len(line)


class Editor(Protocol):
    """Changes the lines of a script that stand in no string, name or comment."""

    def edit(self, line: bytes, lexer: Lexer) -> bytes | None:
        """Return *line* as it is run; None: neither it nor what follows of its statement is."""

    def rows(self, line: bytes) -> bool:
        r"""Say whether rows follow *line*, with which a statement begins, up to `\.`."""


def edited(stream: BinaryIO, syntax: Syntax, editor: Editor) -> Iterator[bytes]:
    """Yield the script in *stream* as it is run, line for line; an empty one for each left out.

    Raises SetupError where it ends in the middle.
    """
    lexer = Lexer(syntax)
    left_out = False
    lines = _lines(stream)
    for line in lines:
        begins = lexer.fresh
        text = editor.edit(line, lexer) if lexer.outside and not left_out else line
        left_out = left_out or text is None
        lexer.read(line if text is None else text)
        yield b"\n" if left_out or text is None else text
        left_out = left_out and not lexer.fresh
        if begins and lexer.fresh and editor.rows(line):
            yield from _rows(lines)
    if lexer.open is not None and lexer.open != b"/*":
        raise cut_off()


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise SetupError(
                f"the dump has a line of more than {LONGEST_LINE:,} bytes", step=RESTORE
            )
        yield line


def _rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line
        if line.rstrip(b"\r\n") == b"\\.":
            return
    raise cut_off()


def whole(lines: Iterator[bytes], *, begins: re.Pattern[bytes], ends: bytes) -> Iterator[bytes]:
    """Yield *lines*; raise SetupError if they begin as the tool begins but do not end so."""
    first = last = b""
    for line in lines:
        if len(first) < EDGE:
            first += line[:EDGE]
        last = (last + line)[-EDGE:]
        yield line
    if begins.search(first) and ends not in last:
        raise cut_off()


def cut_off() -> SetupError:
    """Return the error of a dump that ends in the middle."""
    return SetupError(
        "the dump ends in the middle",
        step=RESTORE,
        hint="make it again, and look whether the disk was full",
    )
