"""Replace whole numbers: a keyed permutation of the numbers that the column can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.errors import LeakError
from anonymizer.masks.alone import Alone
from anonymizer.masks.numbers import Numbers, parse, write
from anonymizer.masks.refuse import refuse
from anonymizer.permutation import Permutation
from anonymizer.prf import subkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

BITS = 64
"""Size of a column that says none."""
_ODD = re.compile(rb"( *\+?)((?<!\+)-|)(0*)(0|[1-9][0-9]*)( *)")
_KINDS = (Kind.INTEGER, Kind.NUMBER, Kind.TEXT)


class Range(NamedTuple):
    """Whole numbers that become one another."""

    low: int
    high: int
    permutation: Permutation

    def holds(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return which of *numbers* are in the range."""
        return numbers.valid & np.where(
            numbers.negative, self._negative(numbers.size), self._positive(numbers.size)
        )

    def _positive(self, size: NDArray[np.uint64]) -> NDArray[np.bool_]:
        if self.high < 0:
            return np.zeros(len(size), bool)
        return (size >= np.uint64(max(self.low, 0))) & (size <= np.uint64(self.high))

    def _negative(self, size: NDArray[np.uint64]) -> NDArray[np.bool_]:
        if self.low >= 0:
            return np.zeros(len(size), bool)
        return (size <= np.uint64(-self.low)) & (size >= np.uint64(max(-self.high, 0)))

    def replace(self, numbers: Numbers, which: NDArray[np.bool_]) -> None:
        """Permute those of *numbers* that *which* says."""
        size, negative = numbers.size[which], numbers.negative[which]
        low = np.uint64(self.low % (1 << 64))
        # Sums and differences wrap at 2⁶⁴, which is right whatever their signs are.
        place = np.where(negative, np.uint64(0) - size, size) - low
        new = self.permutation.forward(place) + low
        if self.low < 0:
            below = (new - low) < np.uint64(min(-self.low, self.high - self.low + 1))
        else:
            below = np.zeros(len(new), bool)
        numbers.size[which] = np.where(below, np.uint64(0) - new, new)
        numbers.negative[which] = below


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer(Alone):
    """Permute whole numbers from *low* to *high*, both given, or as the column's type has them.

    Without bounds the positive numbers of the type change places, and the negative ones, and 0
    stays: it often says that there is none. What only an unsigned column holds stays in the
    upper half. In text, numbers of as many digits change places; zeros, spaces and a plus
    before a number stay.
    """

    name: ClassVar[str] = "integer"

    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high go together: give both, or none")
        if self.low is None or self.high is None:
            return
        if not -(1 << 63) <= self.low < self.high < 1 << BITS or self.high - self.low >= 1 << BITS:
            raise ValueError("low must be less than high, and both have to fit 64 bits")

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: its values are no whole numbers."""
        if column.kind not in _KINDS or column.scale:
            return f"values of {column.kind.value} are no whole numbers"
        if column.kind is Kind.INTEGER and self.low is not None and self.high is not None:
            bits = column.bits or BITS
            if self.low < -(1 << bits - 1) or self.high >= 1 << bits:
                return f"{self.low} to {self.high} do not fit {bits} bits"
        return None

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the numbers of one column."""
        ranges = tuple(
            Range(low, high, Permutation(subkey(setting.key, f"{low} {high}"), high - low + 1))
            for low, high in self._bounds(setting.column)
        )
        expected = "whole numbers in the range of the column"
        if self.low is not None:
            expected = f"whole numbers from {self.low} to {self.high}"

        def replace(values: Cells) -> Cells:
            return _replaced(values, ranges, setting.column, expected)

        return replace

    def _bounds(self, column: Column) -> Iterator[tuple[int, int]]:
        """Yield the least and the greatest of numbers that become one another."""
        if self.low is not None and self.high is not None:
            yield self.low, self.high
        elif column.kind is Kind.INTEGER:
            half = 1 << (column.bits or BITS) - 1
            yield from ((1, half - 1), (-half, -1), (half, 2 * half - 1))
        else:
            for digits in range(1, 20):
                least, most = 10 ** (digits - 1), 10**digits - 1
                yield least, most
                yield -min(most, 1 << 63), -least


def _replaced(values: Cells, ranges: tuple[Range, ...], column: Column, expected: str) -> Cells:
    numbers = parse(values)
    odd = np.flatnonzero(~numbers.valid & (values.lengths > 0))
    if len(odd):
        found = _odd(values, odd, ranges, expected)
    else:
        found = _permuted(numbers, ranges, keep=values.lengths == 0, expected=expected)
    if column.kind is Kind.TEXT and column.length is not None:
        long = np.flatnonzero(found.lengths > column.length)
        if len(long):
            raise LeakError(
                f"a masked number is longer than the column's {column.length} characters",
                value=int(long[0]),
                hint="give low and high of as many digits, or use mask.digits()",
            )
    return found


def _odd(values: Cells, odd: NDArray[np.int64], ranges: tuple[Range, ...], expected: str) -> Cells:
    """Return *values* permuted, those in the places *odd* with what they have around a number."""
    texts, parts = values.to_list(), []
    plus = all(each.low >= 0 or each.high < 0 for each in ranges)
    for place in odd.tolist():
        match = _ODD.fullmatch(texts[place])
        if match and (plus or b"+" not in match[1]):
            before, sign, zeros, number, after = match.groups()
            parts.append((place, before, zeros, after))
            texts[place] = sign + number
    plain = Cells.of(texts)
    new = _permuted(parse(plain), ranges, keep=plain.lengths == 0, expected=expected).to_list()
    for place, before, zeros, after in parts:
        number = new[place].lstrip(b"-")
        sign = new[place][: -len(number)]
        new[place] = before + sign + zeros + number + after
    return Cells.of(new)


def _permuted(
    numbers: Numbers, ranges: tuple[Range, ...], *, keep: NDArray[np.bool_], expected: str
) -> Cells:
    """Return the text of *numbers* permuted within *ranges*; an empty one where *keep* is true."""
    left = ~keep & ~(numbers.valid & (numbers.size == 0) & (len(ranges) > 1))
    for each in ranges:
        if not left.any():
            break
        which = left & each.holds(numbers)
        if which.any():
            each.replace(numbers, which)
            left &= ~which
    refuse(left, expected, hint="give low and high, or use another mask for this column")
    found = write(numbers.size, numbers.negative)
    if not keep.any():
        return found
    return Cells(
        data=found.data, starts=found.starts, ends=np.where(keep, found.starts, found.ends)
    )
