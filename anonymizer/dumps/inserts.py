"""Inserts: the codec of rows in INSERT statements, of any dialect.

A comma or a parenthesis counts when the number of quotes before it is even. So the bytes that
may count are gathered once, and all that follows looks at these few.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.dumps import literals
from anonymizer.dumps.base import Block
from anonymizer.dumps.quotes import Strings, is_quote
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Cells, Places
    from anonymizer.column import Kind
    from anonymizer.dumps.dialect import Dialect

OPEN, CLOSE, COMMA, SPACE = b"(), "
"""The first three lie next to each other in ASCII, but for two that do not count."""
_COUNTS = re.compile(rb"[(),;'\\]")
_NULL = b"NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserts:
    """Rows as INSERT statements hold them: '(1,'a'),(2,'b')', many or one in a statement."""

    dialect: Dialect
    header: bytes = b""
    """What stands between the statements of the rows, and before the first: INSERT … VALUES."""
    charset: str | None = "utf8mb4"
    """MySQL's name of the text's character set; None where nothing says it."""
    null: bytes = _NULL

    def parse(self, data: bytes, columns: int) -> Block:
        """Return the fields of *data*, rows of *columns* each."""
        text = np.frombuffer(data, np.uint8)
        scanned = np.frombuffer(blanked(data, self.header), np.uint8)
        at, found = _delimiters(scanned, backslash=self.dialect.backslash)
        width = columns + 1
        kept = _is_in_row(found)
        if not _is_regular(found[kept], width):
            # Parentheses in parentheses: a value is more than a string or a number.
            kept = _is_of_row(found)
            if not _is_regular(found[kept], width):
                raise _irregular(data, at[kept], found[kept], columns)
        at = at[kept].reshape(-1, width)
        starts, ends = at[:, :-1] + 1, at[:, 1:]
        if self.dialect.has_spaces:
            starts += text[starts] == SPACE
        self._check_gaps(data, scanned, at)
        block = Block(data=text, starts=starts, ends=ends)
        self._check_forms(block)
        return block

    def is_null(self, fields: Cells) -> NDArray[np.bool_]:
        """Return which of *fields* are NULL, or DEFAULT: a value that the database makes."""
        unsaid = [each for each in self.dialect.words if each in (_NULL, b"DEFAULT")]
        return literals.is_word(fields, *unsaid)

    def decode(self, fields: Cells, kind: Kind) -> Cells:
        """Return the values of *fields*; text is UTF-8."""
        return literals.decode(fields, kind, self.dialect, self.charset)

    def encode(self, values: Cells, kind: Kind) -> Cells:
        """Return *values* as literals: numbers bare, all else quoted."""
        return literals.encode(values, kind, self.dialect, self.charset)

    def _check_gaps(self, data: bytes, scanned: Bytes, at: Places) -> None:
        """Refuse what stands before, between and behind rows and is nothing but their frame."""
        header = rb"(?:%s)?" % re.escape(self.header)
        frame = re.compile(rb"\s*(?:(?:%s\s*)?;|,)?\s*%s\s*" % (self.dialect.tail, header))
        starts, ends = np.append(0, at[:, -1] + 1), np.append(at[:, 0], len(data))
        between = slice(1, -1)
        commas = np.zeros(len(starts), np.bool_)
        commas[between] = scanned[starts[between]] == COMMA
        commas &= ends - starts == 1
        gaps = literals.cells(scanned, starts, ends).take(~commas)
        for length in np.unique(gaps.lengths):
            alike = gaps.take(gaps.lengths == length)
            texts = alike.heads(int(length))
            others = np.flatnonzero((texts != texts[len(texts) // 2]).any(axis=1))
            for row in (len(texts) // 2, *others.tolist()):
                if not frame.fullmatch(texts[row].tobytes()):
                    message = "something else than rows in an INSERT"
                    raise _error(message, data, int(alike.starts[row]))

    def _check_forms(self, block: Block) -> None:
        """Refuse a field that is no literal of the dialect."""
        starts, ends = block.starts.reshape(-1), block.ends.reshape(-1)
        bad = np.flatnonzero(
            ~literals.is_literal(literals.cells(block.data, starts, ends), self.dialect)
        )
        if len(bad):
            message = "a value that is not written as this kind of dump writes them"
            raise _error(message, block.data.tobytes(), int(starts[bad[0]]))


def blanked(data: bytes, header: bytes) -> bytes:
    """Return *data* with blanks for each *header* at the begin of a line, if it needs that.

    It does when it holds what counts in rows. A string may hold such a line as well, and no harm
    is done to it: a header with a quote, or a backslash, is written otherwise in a string, and
    what else is in one does not count.
    """
    if not _COUNTS.search(header):
        return data
    blank = b" " * len(header)
    text = blank + data[len(header) :] if data.startswith(header) else data
    return text.replace(b"\n" + header, b"\n" + blank)


def _delimiters(text: Bytes, *, backslash: bool) -> tuple[Places, Bytes]:
    """Return the places of what may delimit rows and values, and what it is.

    A string without end has none in it and none behind it.
    """
    counts = (text - OPEN) <= COMMA - OPEN
    counts &= ~Strings(is_quote(text, backslash=backslash)).flags()
    at = np.flatnonzero(counts)
    return at, text[at]


def _is_in_row(delimiters: Bytes) -> NDArray[np.bool_]:
    """Return which of *delimiters* are no commas between rows, where no parentheses are nested."""
    found: NDArray[np.bool_] = delimiters != COMMA
    found[1:] |= delimiters[:-1] != CLOSE
    return found


def _is_of_row(delimiters: Bytes) -> NDArray[np.bool_]:
    """Return which of *delimiters* are parentheses around rows, or commas in no other ones."""
    closes = delimiters == CLOSE
    depth = np.cumsum((delimiters == OPEN).view(np.int8) - closes.view(np.int8), dtype=np.int32)
    found: NDArray[np.bool_] = depth == ~closes
    found &= (delimiters <= CLOSE) | (delimiters == COMMA)
    return found


def _is_regular(delimiters: Bytes, width: int) -> bool:
    """Return whether *delimiters* are rows: a parenthesis, commas, a parenthesis."""
    if len(delimiters) % width:
        return False
    rows = delimiters.reshape(-1, width)
    return bool(
        (rows[:, 0] == OPEN).all()
        and (rows[:, -1] == CLOSE).all()
        and (rows[:, 1:-1] == COMMA).all()
    )


def _irregular(data: bytes, at: Places, delimiters: Bytes, columns: int) -> DumpError:
    """Return the error for the first row that has not *columns* fields, or no end."""
    opens = np.flatnonzero(delimiters == OPEN)
    sizes = np.diff(np.append(opens, len(delimiters))) - 1
    for row in np.flatnonzero(sizes != columns)[:1]:
        place = int(at[opens[row]])
        if delimiters[opens[row] + sizes[row]] != CLOSE:
            return _error("a row has no end", data, place)
        return _error(f"a row of {sizes[row]} values, expected {columns}", data, place)
    return _error("rows that do not end", data, int(at[-1]) if len(at) else 0)


def _error(message: str, data: bytes, place: int) -> DumpError:
    return DumpError(message, line=1 + data.count(b"\n", 0, place), byte=place)
