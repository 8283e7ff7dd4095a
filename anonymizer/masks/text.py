"""Mask of free text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.masks.draw import joined, quarters, subkey
from anonymizer.masks.tape import WIDEST, pools_of_tape, tape_of_words
from anonymizer.masks.textual import LocalMask
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting
    from anonymizer.pool import Pool
    from anonymizer.prf import Words

_BEHIND = 0x80
"""The upper two bits of bytes of UTF-8 that are not the first of a character."""
_HEAD, _MIDDLE, _TAIL = 48, 32, 32
WHOLE = _HEAD + _MIDDLE + _TAIL
"""Bytes up to which all of a text draws what it becomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(LocalMask):
    """Gives words, as many bytes and characters as there were, cut off where they end.

    Nothing else stays: neither where words or lines ended, nor which characters were beyond ASCII.
    The words are drawn by the text; of one above 112 bytes by its length, beginning, middle and
    end.
    """

    name: ClassVar[str] = "text"
    kinds: ClassVar[tuple[str, ...]] = ("word",)

    @override
    def pools(self, column: Column) -> tuple[Pool, ...]:
        return pools_of_tape(self.locale)

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        return _Bound(prf=Prf(subkey(setting.key, "text")), locale=self.locale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bound:
    prf: Prf
    locale: str

    def __call__(self, values: Cells, _others: Mapping[str, Cells]) -> Cells:
        values = values.packed()
        drawn = quarters(self._words(values))[:, 0]
        counts = _counts(values)
        pieces = [
            tape_of_words(self.locale, width=width).cut(drawn, counts[width]) for width in counts
        ]
        if len(pieces) == 1:
            return pieces[0].packed()
        return joined(*(each.to_arrow() for each in pieces))

    def _words(self, values: Cells) -> Words:
        """Return the numbers that draw for each value."""
        long = np.flatnonzero(values.lengths > WHOLE)
        if not len(long):
            return self.prf.words(values)
        found = np.empty((len(values), 2), np.uint64)
        short = np.flatnonzero(values.lengths <= WHOLE)
        found[short] = self.prf.words(values.take(short))
        found[long] = self.prf.words(_sampled(values.take(long)))
        return found


def _sampled(values: Cells) -> Cells:
    """Return the length, beginning, middle and end of each value."""
    lengths = values.lengths
    pieces = [lengths.astype("<u8").view(np.uint8).reshape(-1, 8)]
    for begin, width in (
        (values.starts, _HEAD),
        (values.starts + lengths // 2, _MIDDLE),
        (values.ends - _TAIL, _TAIL),
    ):
        pieces.append(Cells(data=values.data, starts=begin, ends=begin + width).heads(width))
    return Cells.of_matrix(np.hstack(pieces))


def _counts(values: Cells) -> dict[int, Places]:
    """Return how many characters of one byte, two, three and four each value becomes.

    They have as many bytes as the value, and are as many as its characters; no two of one value
    differ by more than one byte, so that nothing more is said of which those were. Widths that no
    value has are left out.
    """
    lengths = values.lengths
    behind = (values.data & 0xC0) == _BEHIND
    if not behind.any():
        return {1: lengths}
    sums = np.append(0, np.cumsum(behind))
    chars = lengths - (sums[values.ends] - sums[values.starts])
    # What has more bytes than characters can have was no UTF-8, and becomes one byte each.
    chars = np.where(lengths <= WIDEST * chars, chars, lengths)
    least = lengths // np.maximum(chars, 1)
    wider = lengths - least * chars
    found = {
        width: np.where(least == width, chars - wider, np.where(least + 1 == width, wider, 0))
        for width in range(1, WIDEST + 1)
    }
    return {width: counts for width, counts in found.items() if counts.any()}
