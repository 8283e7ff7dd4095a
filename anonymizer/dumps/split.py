"""Split: INSERT statements cut into pieces of whole rows, about a chunk each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anonymizer.dumps.inserts import blanked
from anonymizer.dumps.quotes import Strings, is_quote
from anonymizer.dumps.window import CHUNK, LINE_END

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.dumps.window import Window

SEMICOLON = ord(";")
FIRST = 1 << 14
"""Bytes in which the end of the statements is looked for first: many tables are small."""
_INSERT, _REPLACE = b"IR"
_ROW = re.compile(rb"\),\s*(?=\()")


class Cut(NamedTuple):
    """Where a piece ends."""

    place: int
    is_last: bool
    """Whether the statements end there as well."""
    is_mixed: bool
    """Whether there is an INSERT of another table in it, as one byte that is wrong can do."""


def rows(window: Window, header: bytes, *, backslash: bool, table: str | None) -> Iterator[bytes]:
    """Yield the statement at the begin of *window*, and those like it behind it, in pieces.

    A piece holds whole rows. All the statements begin with *header*. Raises DumpError when the
    dump ends within one.
    """
    size, is_last = FIRST, False
    while not is_last:
        begin = window.open()
        cut = _first_cut(window, begin, header, size=size, backslash=backslash)
        if cut and cut.is_mixed:
            raise window.error("an INSERT that goes on within another", table=table)
        if cut:
            yield window.take(begin + cut.place)
            size, is_last = CHUNK, cut.is_last
        elif not window.is_all:
            window.grow()
        else:
            hint = "make the dump again; is the disk full, was the copy interrupted?"
            raise window.error("the dump is cut off within an INSERT", table=table, hint=hint)


def _first_cut(
    window: Window, begin: int, header: bytes, *, size: int, backslash: bool
) -> Cut | None:
    """Return where the rows at *begin* can be cut; look at *size* bytes first, then at more."""
    left = len(window.data) - begin
    while True:
        is_all = window.is_all and size >= left
        text = window.data[begin : begin + size]
        cut = _cut(text, header, backslash=backslash, is_all=is_all, is_full=size >= CHUNK)
        if cut or size >= left:
            return cut
        size *= 4


def _cut(data: bytes, header: bytes, *, backslash: bool, is_all: bool, is_full: bool) -> Cut | None:
    """Return where the rows at the begin of *data* can be cut, as far behind as may be.

    Where *data* is not full, only the end of the statements will do.
    """
    scanned = blanked(data, header)
    text = np.frombuffer(scanned, np.uint8)
    strings = Strings(is_quote(text, backslash=backslash))
    ends = strings.outside(np.flatnonzero(text == SEMICOLON)) + 1
    followed = _is_followed(data, ends, b"\n" + header)
    stop = ends[~followed][:1]
    begin = int(ends[-1]) if len(ends) else 0
    is_last = True
    if len(stop):
        # What is behind may be the same header, cut off: then it is read as another run.
        begin = int(stop[0])
    elif not is_full:
        return None
    elif place := _between_rows(scanned, strings, begin):
        begin, is_last = place, False
    elif not begin or is_all:
        return None
    lines = strings.outside(_insert_lines(text[:begin]))
    known = ends[followed][: len(lines)]
    is_mixed = (
        not np.array_equal(lines, known) and not _is_followed(data, lines, b"\n" + header).all()
    )
    return Cut(begin, is_last=is_last, is_mixed=is_mixed)


def _insert_lines(text: Bytes) -> Places:
    """Return the places of the line ends of *text* behind which an INSERT may begin."""
    ends = np.flatnonzero(text[:-1] == LINE_END)
    behind = text[ends + 1]
    found: Places = ends[(behind == _INSERT) | (behind == _REPLACE)]
    return found


def _is_followed(data: bytes, places: Places, text: bytes) -> NDArray[np.bool_]:
    """Return behind which of *places* in *data* there is *text*."""
    found = places <= len(data) - len(text)
    if found.any():
        windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), len(text))
        behind = windows[places[found]]
        found[found] = (behind == np.frombuffer(text, np.uint8)).all(axis=1)
    return found


def _between_rows(text: bytes, strings: Strings, begin: int) -> int | None:
    """Return the last place behind *begin* where a row begins that is not the first."""
    pair = text.rfind(b"),", begin)
    while pair >= 0:
        row = _ROW.match(text, pair)
        if row and not strings.hold(pair):
            return row.end()
        pair = text.rfind(b"),", begin, pair)
    return None
