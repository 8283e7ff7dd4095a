"""Squeeze: values reduced to their letters and digits, in lower case.

So "Anna Smith", "anna.smith" and "ANNA  SMITH" are one value, as are "+49 (170) 123-456"
and "49170123456". Letters outside ASCII are folded one by one, as long as they keep their
size in UTF-8; whether they are composed (NFC) or not (NFD) still makes a difference.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places

PADDING = 8
WIDE = 3
"""Bytes that UTF-8 takes for a code point up to U+FFFF, at the most."""
_HIGH = range(0x80, 0x100)
_TABLE = bytes(
    byte if byte in _HIGH else ord(chr(byte).lower()) if chr(byte).isalnum() else 0
    for byte in range(256)
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Squeezed:
    """Letters and digits of some cells, one cell after the other."""

    letters: Bytes
    """With PADDING zeros behind them."""
    ends: Places
    """Where in *letters* each cell ends."""
    words: Places
    """How many words each cell has."""
    edges: NDArray[np.bool_]
    """Whether a word begins or ends before each letter, or digits meet letters there."""
    origins: Places
    """Where each word begins in the cells, one after the other."""
    heads: Places
    """Where each word begins in *letters*."""

    @property
    def starts(self) -> Places:
        """Where each cell begins in *letters*."""
        return np.concatenate([np.zeros(1, np.int64), self.ends])[:-1]

    @property
    def cells(self) -> Cells:
        """The letters and digits of each cell."""
        return Cells(data=self.letters, starts=self.starts, ends=self.ends)

    def origin(self, places: Places) -> Places:
        """Return where letters stood in the cells, one after the other."""
        word = np.searchsorted(self.heads, places, "right") - 1
        return self.origins[word] + places - self.heads[word]


def contiguous(cells: Cells) -> tuple[Bytes, Places]:
    """Return *cells* one after the other, and the bounds between them."""
    array = cells.to_arrow()
    held = Cells.of_arrow(array)
    if not len(held):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    first = held.starts[0]
    bounds = np.append(held.starts, held.ends[-1]) - first
    return held.data[first : held.ends[-1]], bounds


def squeeze(data: bytes, bounds: Places) -> Squeezed:
    """Return the letters and digits of the cells that lie between each two of *bounds*."""
    folded = np.frombuffer(bytearray(data).translate(_TABLE), np.uint8)
    if not data.isascii():
        _fold_wide(folded)
    held = folded != 0
    origins, ends = _runs(held, bounds)
    tails = np.concatenate([np.zeros(1, np.int64), np.cumsum(ends - origins)])
    last = np.searchsorted(origins, bounds)
    letters = np.concatenate([folded[held], np.zeros(PADDING, np.uint8)])
    return Squeezed(
        letters=letters,
        ends=tails[last[1:]],
        words=np.diff(last),
        edges=_edges(letters[:-PADDING], tails),
        origins=origins,
        heads=tails[:-1],
    )


def _runs(held: NDArray[np.bool_], bounds: Places) -> tuple[Places, Places]:
    """Return where each run of bytes that are held begins and ends; none crosses a bound."""
    inside = np.zeros(len(held) + 1, np.bool_)
    np.logical_and(held[1:], held[:-1], out=inside[1:-1])
    inside[bounds] = False
    return np.flatnonzero(held & ~inside[:-1]), np.flatnonzero(held & ~inside[1:]) + 1


def _edges(letters: Bytes, tails: Places) -> NDArray[np.bool_]:
    digits = (letters - np.uint8(ord("0"))) < 10  # noqa: PLR2004
    edges = np.empty(len(letters) + 1, np.bool_)
    np.not_equal(digits[1:], digits[:-1], out=edges[1:-1])
    edges[tails] = True
    return edges


def _fold_wide(text: Bytes) -> None:
    """Fold what UTF-8 writes in several bytes, in place; what is no letter becomes zeros."""
    high = np.flatnonzero(text >= 0xC2)  # noqa: PLR2004
    for size, low, above, mask in ((2, 0xC2, 0xE0, 0x1F), (3, 0xE0, 0xF0, 0x0F)):
        at = high[(text[high] >= low) & (text[high] < above) & (high + size <= len(text))]
        points = text[at].astype(np.int64) & mask
        regular = np.ones(len(at), np.bool_)
        for step in range(1, size):
            following = text[at + step]
            regular &= (following & 0xC0) == 0x80  # noqa: PLR2004
            points = points << 6 | (following & 0x3F)
        table = folding()[points[regular]]
        for step in range(size):
            text[at[regular] + step] = table[:, step]
    pictures = high[(text[high] == 0xF0) & (high + 4 <= len(text))]  # noqa: PLR2004
    pictures = pictures[text[pictures + 1] == 0x9F]  # noqa: PLR2004
    for step in range(4):
        text[pictures + step] = 0


@cache
def folding() -> Bytes:
    """Return for each code point up to U+FFFF what UTF-8 writes once it is folded.

    It has the size that the code point has itself; what is no letter is zeros.
    """
    joined = b"".join(_folded(chr(point)).ljust(WIDE, b"\0") for point in range(0x10000))
    return np.frombuffer(joined, np.uint8).reshape(-1, WIDE)


def _folded(letter: str) -> bytes:
    if not letter.isalnum() and not unicodedata.category(letter).startswith("M"):
        return b""
    written = letter.encode("utf-8", "surrogatepass")
    others = (each.encode("utf-8", "surrogatepass") for each in (letter.casefold(), letter.lower()))
    return next((each for each in others if len(each) == len(written)), written)
