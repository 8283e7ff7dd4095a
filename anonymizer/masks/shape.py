"""Shape: a keyed permutation of the digits and letters of a value, all else as it is.

A digit becomes a digit and a letter a letter of its case, where they stand, so that length,
spaces and signs stay; two values of one shape never become one. The digits of a value are one
number, which a permutation of all numbers of as many digits takes; its letters are another, or
part of the same where both are below 2⁶⁴ together. Letters beyond ASCII are permuted among
those that UTF-8 begins with the same byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells
from anonymizer.masks.draw import packed, subkey
from anonymizer.prf import Permutation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places

DIGITS, LETTERS, TAILS = 10, 26, 64
"""How many there are of each: digits, letters, last bytes of a letter beyond ASCII."""
_LARGEST = 1 << 64
_FEW = 20
"""Figures from which on a number is not below 2⁶⁴, whatever they are."""
_COUNT = 31
"""Bits of a count of digits or letters in one value."""
_ZERO, _A, _CASE = 0x30, 0x61, 0x20
_TAIL, _TWO, _THREE, _FOUR = 0x80, 0xC3, 0xE0, 0xF0
"""Where bytes of UTF-8 begin: those behind the first, and the first of two, three and four."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """Permutes values by a key; the first *keep* digits of each stay."""

    key: bytes
    keep: int = 0
    _made: dict[tuple[int, ...], Permutation] = field(default_factory=dict)

    def permuted(self, values: Cells) -> Cells:
        """Return what *values* become."""
        values = packed(values)
        data = values.data.copy()
        figures, lower = data - _ZERO, data | _CASE
        is_letter = (lower - _A) < LETTERS
        ranks = np.where(is_letter, lower - _A, figures)
        numbers = _Places.of(np.flatnonzero(figures < DIGITS), values).without(self.keep)
        letters = _Places.of(np.flatnonzero(is_letter), values)
        self._permute(ranks, numbers, letters)
        data[numbers.at] = ranks[numbers.at] + _ZERO
        data[letters.at] = (ranks[letters.at] + _A) ^ lower[letters.at] ^ data[letters.at]
        if len(data) and data.max() >= _TAIL:
            self._permute_tails(data, values)
        return Cells(data=data, starts=values.starts, ends=values.ends)

    def _permute(self, ranks: Bytes, numbers: _Places, letters: _Places) -> None:
        """Permute the digits and letters, whose *ranks* are changed in place."""
        shapes = (numbers.counts << _COUNT) | letters.counts
        for shape in np.unique(shapes).tolist():
            digits, others = shape >> _COUNT, shape & ((1 << _COUNT) - 1)
            which = np.flatnonzero(shapes == shape)
            at: list[Places] = [numbers.matrix(which, digits), letters.matrix(which, others)]
            if max(digits, others) < _FEW and DIGITS**digits * LETTERS**others <= _LARGEST:
                self._permute_blocks(ranks, np.hstack(at), (DIGITS,) * digits + (LETTERS,) * others)
            else:
                for places, radix in zip(at, (DIGITS, LETTERS), strict=True):
                    self._permute_all(ranks, places, radix)

    def _permute_tails(self, data: Bytes, values: Cells) -> None:
        tails = _Places.of(_tails(data, values), values)
        ranks: Bytes = data & np.uint8(TAILS - 1)
        for count in np.unique(tails.counts).tolist():
            self._permute_all(
                ranks, tails.matrix(np.flatnonzero(tails.counts == count), count), TAILS
            )
        data[tails.at] = ranks[tails.at] | _TAIL

    def _permute_all(self, ranks: Bytes, places: Places, radix: int) -> None:
        """Permute the figures at *places*, shape (values, figures), as many at once as can be."""
        most = _most(radix)
        for begin in range(0, places.shape[1], most):
            block = places[:, begin : begin + most]
            self._permute_blocks(ranks, block, (radix,) * block.shape[1])

    def _permute_blocks(self, ranks: Bytes, places: Places, radixes: tuple[int, ...]) -> None:
        """Permute numbers whose figures, of *radixes*, are at *places*, one value a row."""
        if not radixes:
            return
        number = np.zeros(len(places), np.uint64)
        for column, radix in enumerate(radixes):
            number = number * np.uint64(radix) + ranks[places[:, column]].astype(np.uint64)
        number = self._permutation(radixes).forward(number)
        for column in range(len(radixes) - 1, -1, -1):
            rest = number // np.uint64(radixes[column])
            ranks[places[:, column]] = number - rest * np.uint64(radixes[column])
            number = rest

    def _permutation(self, radixes: tuple[int, ...]) -> Permutation:
        counts = tuple(radixes.count(each) for each in (DIGITS, LETTERS, TAILS))
        if counts not in self._made:
            digits, letters, tails = counts
            size = DIGITS**digits * LETTERS**letters * TAILS**tails
            self._made[counts] = Permutation(subkey(self.key, f"shape {counts}"), size)
        return self._made[counts]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Places:
    """Places of one kind of bytes in packed values, those of value i one after the other."""

    at: Places
    firsts: Places
    counts: Places

    @classmethod
    def of(cls, at: Places, values: Cells) -> _Places:
        firsts = np.searchsorted(at, values.starts)
        return cls(at=at, firsts=firsts, counts=np.searchsorted(at, values.ends) - firsts)

    def without(self, first: int) -> _Places:
        """Return them without the *first* of each value."""
        if not first:
            return self
        less = np.minimum(first, self.counts)
        return _Places(at=self.at, firsts=self.firsts + less, counts=self.counts - less)

    def matrix(self, which: Places, count: int) -> Places:
        """Return the places in the values *which*, all of which have *count*, one a row."""
        found: Places = self.at[self.firsts[which][:, None] + np.arange(count)]
        return found


def _most(radix: int) -> int:
    """Return how many figures of *radix* are below 2⁶⁴ together."""
    most = 1
    while radix ** (most + 1) <= _LARGEST:
        most += 1
    return most


def _tails(data: Bytes, values: Cells) -> Places:
    """Return the places of bytes of UTF-8 that may be any of 0x80 to 0xBF.

    That is the second byte of two but for the control characters, and the last ones of more.
    """
    at = np.flatnonzero(_is_tail(data))
    starts = values.starts[np.searchsorted(values.ends, at, side="right")]
    one, two, three = (
        np.where(at - back >= starts, data[np.maximum(at - back, 0)], 0) for back in (1, 2, 3)
    )
    second = (one >= _TWO) & (one < _THREE)
    third = _is_tail(one) & (two >= _THREE)
    fourth = _is_tail(one) & _is_tail(two) & (three >= _FOUR)
    return at[second | third | fourth]


def _is_tail(data: Bytes) -> NDArray[np.bool_]:
    """Return which bytes are of UTF-8, and not the first of a character."""
    found: NDArray[np.bool_] = (data & 0xC0) == _TAIL
    return found
