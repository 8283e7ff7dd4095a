"""Mask of free text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anonymizer.cells import Cells
from anonymizer.masks.draw import choose, packed, subkey
from anonymizer.masks.tape import Tape
from anonymizer.masks.textual import LocalMask
from anonymizer.masks.wide import Wide
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Places
    from anonymizer.masks.base import Replace, Setting
    from anonymizer.masks.draw import Numbers

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

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        (pool,) = self.pools(setting.column)
        return _Bound(
            prf=Prf(subkey(setting.key, "text")),
            tape=Tape.of_words(pool, subkey(setting.key, "tape")),
            wide=Wide.of(pool.words),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bound:
    prf: Prf
    tape: Tape
    wide: Wide

    def __call__(self, values: Cells, _others: Mapping[str, Cells]) -> Cells:
        values = packed(values)
        numbers, lengths = self._numbers(values), values.lengths
        extra = _extra(values)
        plain = packed(self.tape.cut(numbers, np.where(extra, 0, lengths)))
        which = np.flatnonzero(extra)
        if not len(which):
            return plain
        chars = lengths[which] - extra[which]
        begins = self.tape.begins[choose(numbers[which], len(self.tape.begins))]
        written = self.wide.written(self.tape, begins, chars, extra[which])
        starts, ends = plain.starts.copy(), plain.ends.copy()
        starts[which] = written.starts + plain.data.size
        ends[which] = written.ends + plain.data.size
        return Cells(data=np.concatenate([plain.data, written.data]), starts=starts, ends=ends)

    def _numbers(self, values: Cells) -> Numbers:
        """Return the number that draws for each value."""
        long = np.flatnonzero(values.lengths > WHOLE)
        if not len(long):
            return self.prf.words(values)[:, 0]
        found = np.empty(len(values), np.uint64)
        short = np.flatnonzero(values.lengths <= WHOLE)
        found[short] = self.prf.words(values.take(short))[:, 0]
        found[long] = self.prf.words(_sampled(values.take(long)))[:, 0]
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


def _extra(values: Cells) -> Places:
    """Return how many more bytes than characters of UTF-8 each value has, as far as it can be."""
    tails = (values.data & 0xC0) == _BEHIND
    if not tails.any():
        return np.zeros(len(values), np.int64)
    sums = np.append(0, np.cumsum(tails))
    found: Places = sums[values.ends] - sums[values.starts]
    # A character has four bytes at the most: what has more was no UTF-8.
    return np.where(found <= 3 * (values.lengths - found), found, 0)
