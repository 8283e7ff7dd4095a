"""Quotes: where strings begin and end in SQL text, found for all of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places

QUOTE, BACKSLASH = b"'\\"


def escapes(text: Bytes) -> Places:
    """Return the places of the backslashes that escape what follows them.

    In a run of backslashes these are the first, the third, and so on.
    """
    at = np.flatnonzero(text == BACKSLASH)
    if not len(at):
        return at
    begins = np.ones(len(at), np.bool_)
    begins[1:] = at[1:] != at[:-1] + 1
    if begins.all():
        return at
    order = np.arange(len(at))
    first = np.maximum.accumulate(np.where(begins, order, 0))
    escaping: Places = at[(order - first) & 1 == 0]
    return escaping


def is_quote(text: Bytes, *, backslash: bool) -> NDArray[np.bool_]:
    """Return for each byte whether it is a quote that no *backslash* escapes."""
    found: NDArray[np.bool_] = text == QUOTE
    if not backslash:
        return found
    slash = text == BACKSLASH
    behind = np.flatnonzero(found[1:] & slash[:-1]) + 1
    if slash[behind - 2][behind > 1].any():
        # Two before it or more: what counts is how many. Where strings end in one this is rare.
        behind = escapes(text) + 1
        behind = behind[behind < len(found)]
    found[behind] = False
    return found


class Strings:
    """Which bytes of a text lie in strings, a bit for each."""

    def __init__(self, quotes: NDArray[np.bool_]) -> None:
        """Take what quotes are: *quotes* says it of each byte.

        A byte's bit is the parity of the quotes up to it, found for 64 bytes at once: by shifts
        within a word, then by the parity of all words before it.
        """
        self._size = size = len(quotes)
        self._bits = np.zeros((size + 63) // 64 * 8, np.uint8)
        self._bits[: (size + 7) // 8] = np.packbits(quotes, bitorder="little")
        words = self._bits.view("<u8")
        for distance in (1, 2, 4, 8, 16, 32):
            words ^= words << np.uint64(distance)
        odd = np.bitwise_xor.accumulate(words >> np.uint64(63))
        words[1:] ^= np.uint64(0) - odd[:-1]

    def hold(self, place: int) -> bool:
        """Return whether the byte at *place*, which is no quote, lies in a string."""
        return bool(self._bits[place >> 3] >> (place & 7) & 1)

    def outside(self, places: Places) -> Places:
        """Return those of *places* that lie in no string."""
        bits = self._bits[places >> 3] >> (places & 7).astype(np.uint8)
        outer: Places = places[bits & 1 == 0]
        return outer

    def flags(self) -> NDArray[np.bool_]:
        """Return for each byte whether it lies in a string, or begins one."""
        return np.unpackbits(self._bits, count=self._size, bitorder="little").view(np.bool_)
