"""Shape: a keyed permutation of the digits and letters of a value, all else as it is.

A digit becomes a digit and a letter a letter of its case, where they stand, so that length,
spaces and signs stay; two values of one shape never become one. The digits of a value are one
number, which a permutation of all numbers of as many digits takes; its letters are another, or
part of the same where both are below 2⁶⁴ together. Letters beyond ASCII are permuted among
those that UTF-8 begins with the same byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells, groups
from anonymizer.masks.draw import subkey
from anonymizer.permutation import Permutation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places, Which

DIGITS, LETTERS, TAILS = 10, 26, 64
"""How many there are of each: digits, letters, last bytes of a letter beyond ASCII."""
_LARGEST = 1 << 64
_FEW = 20
"""Figures from which on a number is not below 2⁶⁴, whatever they are."""
_COUNT = 31
"""Bits of a count of digits or letters in one value."""
_ZERO, _UPPER, _A, _CASE = 0x30, 0x41, 0x61, 0x20
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
        values = values.packed()
        data = values.data.copy()
        figures, lower = data - np.uint8(_ZERO), (data | np.uint8(_CASE)) - np.uint8(_A)
        numbers = _Figures.of(figures, figures < DIGITS, values)
        letters = _Figures.of(lower, lower < LETTERS, values)
        self._permute(numbers.without(self.keep), letters)
        data[numbers.found] = numbers.all + _ZERO
        if len(letters.all):
            data[letters.found] = (data[letters.found] & _CASE) | (letters.all + _UPPER)
        if len(data) and data.max() >= _TAIL:
            self._permute_tails(data, values)
        return Cells(data=data, starts=values.starts, ends=values.ends)

    def _permute(self, numbers: _Figures, letters: _Figures) -> None:
        """Permute digits and letters in place."""
        for shape, which in groups((numbers.counts << _COUNT) | letters.counts):
            digits, others = shape >> _COUNT, shape & ((1 << _COUNT) - 1)
            kinds = ((numbers, digits, DIGITS), (letters, others, LETTERS))
            if max(digits, others) < _FEW and DIGITS**digits * LETTERS**others <= _LARGEST:
                both = np.hstack([each.read(which, count) for each, count, _ in kinds])
                new = self._permuted_block(both, (DIGITS,) * digits + (LETTERS,) * others)
                numbers.write(which, new[:, :digits])
                letters.write(which, new[:, digits:])
                continue
            for each, count, radix in kinds:
                each.write(which, self._permuted(each.read(which, count), radix))

    def _permute_tails(self, data: Bytes, values: Cells) -> None:
        found = np.zeros(len(data), bool)
        found[_tails(data, values)] = True
        tails = _Figures.of(data & np.uint8(TAILS - 1), found, values)
        for count, which in groups(tails.counts):
            tails.write(which, self._permuted(tails.read(which, count), TAILS))
        data[found] = tails.all | _TAIL

    def _permuted(self, figures: Bytes, radix: int) -> Bytes:
        """Return *figures*, shape (values, figures), permuted as many at once as can be."""
        most = _most(radix)
        blocks = (figures[:, at : at + most] for at in range(0, figures.shape[1], most))
        new = [self._permuted_block(each, (radix,) * each.shape[1]) for each in blocks]
        return np.hstack(new) if new else figures

    def _permuted_block(self, figures: Bytes, radixes: tuple[int, ...]) -> Bytes:
        """Return what numbers become whose *figures*, of *radixes*, are one value a row."""
        if not radixes:
            return figures
        number = np.zeros(len(figures), np.uint64)
        for column, radix in enumerate(radixes):
            number *= np.uint64(radix)
            number += figures[:, column]
        number = self._permutation(radixes).forward(number)
        new = np.empty_like(figures)
        for column in range(len(radixes) - 1, -1, -1):
            rest = number // np.uint64(radixes[column])
            new[:, column] = number - rest * np.uint64(radixes[column])
            number = rest
        return new

    def _permutation(self, radixes: tuple[int, ...]) -> Permutation:
        counts = tuple(radixes.count(each) for each in (DIGITS, LETTERS, TAILS))
        if counts not in self._made:
            digits, letters, tails = counts
            size = DIGITS**digits * LETTERS**letters * TAILS**tails
            self._made[counts] = Permutation(subkey(self.key, f"shape {counts}"), size)
        return self._made[counts]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Figures:
    """Figures of one kind in packed values, those of value i one after the other."""

    found: NDArray[np.bool_]
    """Where they stand."""
    all: Bytes
    """What they are; it is written to."""
    firsts: Places
    counts: Places

    @classmethod
    def of(cls, figures: Bytes, found: NDArray[np.bool_], values: Cells) -> _Figures:
        """Return those of *figures* that are *found*."""
        held = figures[found]
        if not len(held):
            none = np.zeros(len(values), np.int64)
            return cls(found=found, all=held, firsts=none, counts=none)
        lasts = np.append(0, np.cumsum(found))[values.ends]
        firsts = np.append(0, lasts[:-1])
        return cls(found=found, all=held, firsts=firsts, counts=lasts - firsts)

    def without(self, first: int) -> _Figures:
        """Return them without the *first* of each value."""
        if not first:
            return self
        less = np.minimum(first, self.counts)
        return replace(self, firsts=self.firsts + less, counts=self.counts - less)

    def read(self, which: Which, count: int) -> Bytes:
        """Return the figures of the values *which*, all of which have *count*, one a row."""
        found: Bytes = self._rows(which, count)[self._places(which, count)]
        return found

    def write(self, which: Which, figures: Bytes) -> None:
        """Put *figures* where `read` has them from."""
        count = figures.shape[1]
        self._rows(which, count)[self._places(which, count)] = figures

    def _rows(self, which: Which, count: int) -> Bytes:
        """Return all figures, as rows where the rows *which* are all there is."""
        return self.all.reshape(-1, count) if self._is_whole(which, count) else self.all

    def _places(self, which: Which, count: int) -> Which:
        if self._is_whole(which, count):
            return which
        found: Places = self.firsts[which][:, None] + np.arange(count)
        return found

    def _is_whole(self, which: Which, count: int) -> bool:
        return isinstance(which, slice) and 0 < len(self.all) == len(self.counts) * count


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
