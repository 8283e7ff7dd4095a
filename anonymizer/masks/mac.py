"""Replace MAC addresses: a keyed permutation of their bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.hexadecimal import put_digits
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import OTHER, Runs, any_in, compact, numbered
from anonymizer.permutation import WordPermutation

if TYPE_CHECKING:
    from anonymizer.cells import Bytes, Cells
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_NUMBERED = numbered(b"0123456789abcdef", b"0123456789ABCDEF")
_BESIDE = numbered(b":-. ") != OTHER
_SHORT, _LONG = 12, 16
"""Digits of EUI-48 and EUI-64."""
_VENDOR = 6
_KINDS = (Kind.TEXT, Kind.OTHER, Kind.BINARY)
_GROUP = np.uint64(3)
"""Bits of the first byte that say: for a group, and made up locally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mac(Alone):
    """Permute MAC addresses of 48 or 64 bits; separators, case, the group and local bits stay.

    *keep_vendor* keeps the first three bytes, which say who made it. Distinct addresses stay so;
    one that is written in two ways may become one value.
    """

    name: ClassVar[str] = "mac"

    keep_vendor: bool = False

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: its values are no addresses."""
        if column.kind in _KINDS:
            return None
        return f"values of {column.kind.value} are no MAC addresses"

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the values of one column."""
        permutations = {count: self._permutation(setting.key, count) for count in (_SHORT, _LONG)}
        binary = setting.column.kind is Kind.BINARY

        def replace(values: Cells) -> Cells:
            text = compact(values)
            numbers = text.data.repeat(2) if binary else _NUMBERED[text.data]
            if binary:
                numbers[0::2], numbers[1::2] = text.data >> 4, text.data & 0x0F
            runs = _runs(text, numbers, binary=binary)
            for count, permutation in permutations.items():
                places = runs.matrix(np.flatnonzero(runs.counts == count), count)
                numbers[places] = self._masked(numbers[places], permutation)
            if binary:
                text.data[:] = numbers[0::2] << 4 | numbers[1::2]
            else:
                put_digits(text, numbers)
            return text

        return replace

    def _permutation(self, key: bytes, count: int) -> WordPermutation:
        if self.keep_vendor:
            half = 1 << 2 * (count - _VENDOR)
            return WordPermutation(key, [half], [half])
        half = 1 << 2 * count
        return WordPermutation(key, [half >> 2], [half])

    def _masked(self, digits: Bytes, permutation: WordPermutation) -> Bytes:
        """Return what addresses of one length, a digit a byte, become."""
        masked = digits.copy()
        if self.keep_vendor:
            parts = np.split(digits[:, _VENDOR:], 2, axis=1)
            left, right = permutation.forward([_joined(each) for each in parts])
            _spread(masked[:, _VENDOR:], left, right)
            return masked
        left, right = (_joined(each) for each in np.split(digits, 2, axis=1))
        # The two bits are the last of the first byte: they are cut out, and put back.
        low = np.uint64(4 * (digits.shape[1] // 2) - 8)
        bits = (left >> low) & _GROUP
        rest = left & ((np.uint64(1) << low) - np.uint64(1))
        cut = (left >> (low + np.uint64(2)) << low) | rest
        cut, right = permutation.forward([cut, right])
        rest = cut & ((np.uint64(1) << low) - np.uint64(1))
        left = (((cut >> low << np.uint64(2)) | bits) << low) | rest
        _spread(masked, left, right)
        return masked


def _runs(text: Cells, numbers: Bytes, *, binary: bool) -> Runs:
    """Return the places of the digits of each value.

    Raises LeakError for a value that is no address.
    """
    found = numbers != OTHER
    if binary:
        runs = Runs(places=np.arange(len(numbers)), counts=2 * text.lengths)
        odd = np.zeros(len(text), bool)
    else:
        runs = Runs.of(text, found)
        odd = any_in(text, ~found & ~_BESIDE[text.data])
    odd |= (runs.counts != _SHORT) & (runs.counts != _LONG) & (text.lengths > 0)
    refuse(odd, "MAC addresses of 48 or 64 bits", hint="use mask.token() or mask.text()")
    return runs


def _joined(digits: Bytes) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return the number whose hexadecimal digits are the rows of *digits*."""
    number = np.zeros(len(digits), np.uint64)
    for digit in digits.T:
        number = (number << np.uint64(4)) | digit
    return number


def _spread(digits: Bytes, *numbers: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> None:
    """Write the hexadecimal digits of *numbers*, one after the other, into *digits*."""
    each = digits.shape[1] // len(numbers)
    for place, number in enumerate(numbers):
        for at in range(each):
            shift = np.uint64(4 * (each - 1 - at))
            digits[:, place * each + at] = (number >> shift) & np.uint64(15)
