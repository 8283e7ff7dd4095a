"""COPY text: how PostgreSQL writes rows, a line each, with tabs between the fields.

A tab or a line end in a value is escaped, so each one that stands there is a delimiter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.dumps.base import Block
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places

TAB, LINE_END, BACKSLASH = b"\t\n\\"
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BYTES = np.arange(256, dtype=np.uint8)
_MEANT, _LETTER_OF, _IS_NUMBER = _BYTES.copy(), _BYTES.copy(), np.isin(_BYTES, [*b"x01234567"])
for _letter, _value in _LETTERS.items():
    _MEANT[ord(_letter)], _LETTER_OF[ord(_value)] = ord(_value), ord(_letter)
_SPECIAL = b"\b\t\n\v\f\r\\"
"""In order: what is from the first one on without a gap, and a backslash."""
_HEX = b"\\x"
_OCTAL = (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7")


@dataclass(frozen=True, slots=True)
class CopyText:
    """The codec of COPY … FROM stdin, as pg_dump writes it."""

    null: bytes = b"\\N"

    def parse(self, data: bytes, columns: int) -> Block:
        """Return the fields of *data*, whole lines of *columns* fields each."""
        text = np.frombuffer(data, np.uint8)
        if not columns:
            return _empty(text)
        at = np.flatnonzero((text - np.uint8(TAB)) <= LINE_END - TAB)
        if len(at) % columns or not _is_regular(text[at].reshape(-1, columns)):
            raise _irregular(data, columns)
        starts = np.empty_like(at)
        starts[:1] = 0
        starts[1:] = at[:-1] + 1
        shape = (-1, columns)
        return Block(data=text, starts=starts.reshape(shape), ends=at.reshape(shape))

    def is_null(self, fields: Cells) -> NDArray[np.bool_]:
        """Return which of *fields* are a backslash and N."""
        size = len(self.null)
        found: NDArray[np.bool_] = fields.lengths == size
        maybe = np.flatnonzero(found)
        if len(maybe):
            text = np.frombuffer(self.null, np.uint8)
            found[maybe] = (fields.take(maybe).heads(size) == text).all(axis=1)
        return found

    def decode(self, fields: Cells, kind: Kind) -> Cells:
        """Return the values of *fields* without escapes; of BINARY the bytes themselves."""
        fields = fields.packed()
        at = np.flatnonzero(fields.data == BACKSLASH)
        if len(at):
            fields = _unescaped(fields, _first_of_pairs(at))
        if kind is Kind.BINARY:
            return Cells.of(_bytes(each) for each in fields.to_list())
        return fields

    def encode(self, values: Cells, kind: Kind) -> Cells:
        """Return *values* with escapes."""
        if kind is Kind.BINARY:
            return Cells.of(b"\\\\x" + each.hex().encode() for each in values.to_list())
        at = np.flatnonzero(_is_special(values.data))
        if not len(at):
            return values
        letters = values.data.copy()
        letters[at] = _LETTER_OF[letters[at]]
        data = np.insert(letters, at, BACKSLASH)
        starts, ends = (each + np.searchsorted(at, each) for each in (values.starts, values.ends))
        return Cells(data=data, starts=starts, ends=ends)


def _first_of_pairs(at: Places) -> Places:
    """Return which of the backslashes *at* begin an escape: not those that one before escapes."""
    runs = np.flatnonzero(np.append(True, np.diff(at) > 1))
    order = np.arange(len(at)) - np.repeat(runs, np.diff(runs, append=len(at)))
    first: Places = at[order % 2 == 0]
    return first


def _unescaped(fields: Cells, escapes: Places) -> Cells:
    """Return what *fields*, packed, mean, in which *escapes* begin."""
    if (fields.ends[np.searchsorted(fields.ends, escapes + 1)] == escapes + 1).any():
        raise DumpError("a value ends with a backslash, which pg_dump never writes")
    letters = fields.data[escapes + 1]
    if _IS_NUMBER[letters].any():
        return Cells.of(_ESCAPE.sub(_meant, each) for each in fields.to_list())
    data = fields.data.copy()
    data[escapes + 1] = _MEANT[letters]
    starts, ends = (each - np.searchsorted(escapes, each) for each in (fields.starts, fields.ends))
    return Cells(data=np.delete(data, escapes), starts=starts, ends=ends)


def _is_special(data: Bytes) -> NDArray[np.bool_]:
    """Return which bytes of *data* are written with a backslash."""
    found: NDArray[np.bool_] = (data - np.uint8(_SPECIAL[0])) < len(_SPECIAL) - 1
    found |= data == BACKSLASH
    return found


def _is_regular(delimiters: NDArray[np.uint8]) -> bool:
    """Return whether each row of *delimiters* is tabs, and a line end last."""
    return bool((delimiters[:, -1] == LINE_END).all() and (delimiters[:, :-1] == TAB).all())


def _empty(text: NDArray[np.uint8]) -> Block:
    """Return the rows of a table without columns: empty lines."""
    if text.size and not (text == LINE_END).all():
        raise _irregular(text.tobytes(), 0)
    places = np.zeros((text.size, 0), np.int64)
    return Block(data=text, starts=places, ends=places)


def _irregular(data: bytes, columns: int) -> DumpError:
    """Return the error for the first line that has not as many fields, or no end."""
    *lines, last = data.split(b"\n")
    byte = 0
    for number, line in enumerate(lines, 1):
        found = line.count(b"\t") + 1 if line or columns else 0
        if found != columns:
            what = f"a row of {found} fields, expected {columns}"
            return DumpError(what, line=number, byte=byte)
        byte += len(line) + 1
    what = "the last row has no end: the dump is cut off"
    return DumpError(what if last else "no row", line=len(lines) + 1, byte=byte)


def _meant(escape: re.Match[bytes]) -> bytes:
    """Return what *escape* stands for."""
    said = escape[1]
    if said[:1] == b"x" and len(said) > 1:
        return bytes([int(said[1:], 16)])
    if said[:1] in _OCTAL:
        return bytes([int(said, 8) & 0xFF])
    return _LETTERS.get(said, said)


def _bytes(value: bytes) -> bytes:
    """Return the bytes that bytea writes as *value*."""
    if not value.startswith(_HEX):
        raise DumpError(
            "a bytea that is not written in hexadecimal",
            hint="dump it with bytea_output = hex, which is PostgreSQL's default",
        )
    try:
        return bytes.fromhex(value[2:].decode("ascii"))
    except ValueError:
        raise DumpError("a bytea with something else than hexadecimal digits") from None
