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

TAB, LINE_END, BACKSLASH = b"\t\n\\"
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.|$)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_SPECIAL = b"\b\f\n\r\t\v\\"
_TO_ESCAPE = re.compile(rb"[\x08-\x0d\\]")
_ESCAPED = {value: b"\\" + letter for letter, value in _LETTERS.items()} | {b"\\": b"\\\\"}
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
        at = np.flatnonzero((text == TAB) | (text == LINE_END))
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
        text = np.frombuffer(self.null, np.uint8)
        found[maybe] = (fields.take(maybe).heads(size) == text).all(axis=1)
        return found

    def decode(self, fields: Cells, kind: Kind) -> Cells:
        """Return the values of *fields* without escapes; of BINARY the bytes themselves."""
        escaped = fields.containing(BACKSLASH)
        if len(escaped):
            values = [_ESCAPE.sub(_meant, each) for each in fields.take(escaped).to_list()]
            fields = fields.replaced(escaped, values)
        if kind is Kind.BINARY:
            return Cells.of(_bytes(each) for each in fields.to_list())
        return fields

    def encode(self, values: Cells, kind: Kind) -> Cells:
        """Return *values* with escapes."""
        if kind is Kind.BINARY:
            return Cells.of(b"\\\\x" + each.hex().encode() for each in values.to_list())
        special = values.containing(*_SPECIAL)
        if not len(special):
            return values
        texts = [_TO_ESCAPE.sub(_written, each) for each in values.take(special).to_list()]
        return values.replaced(special, texts)


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
    if not said:
        raise DumpError("a value ends with a backslash, which pg_dump never writes")
    if said[:1] == b"x" and len(said) > 1:
        return bytes([int(said[1:], 16)])
    if said[:1] in _OCTAL:
        return bytes([int(said, 8) & 0xFF])
    return _LETTERS.get(said, said)


def _written(special: re.Match[bytes]) -> bytes:
    return _ESCAPED[special[0]]


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
