"""Replace card numbers: a keyed permutation that keeps the check digit right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.cells import groups
from anonymizer.masks.alone import Alone
from anonymizer.masks.digits import foreign_digits, text_only
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import DIGITS, OTHER, Runs, Strings, any_in, compact, numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Cells
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_NUMBERED = numbered(DIGITS)
_BESIDE = numbered(b" -./") != OTHER
_ISSUER = 6
_LEAST = 2
"""Digits: one, and the check digit."""
_DOUBLED = np.array([0, 2, 4, 6, 8, 1, 3, 5, 7, 9], np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(Alone):
    """Permute card numbers; what Luhn's check finds right stays right, what it finds wrong wrong.

    Length, spaces and hyphens stay; *keep_issuer* keeps the first six digits.
    """

    name: ClassVar[str] = "card"

    keep_issuer: bool = False

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: a number may not begin with zeros."""
        return text_only(column, hint="mask.integer() is for numbers")

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the values of one column."""
        strings = Strings(setting.key, len(DIGITS))
        kept = _ISSUER if self.keep_issuer else 0

        def replace(values: Cells) -> Cells:
            text = compact(values)
            numbers = _NUMBERED[text.data]
            found = numbers != OTHER
            runs = Runs.of(text, found)
            odd = any_in(text, ~found & ~_BESIDE[text.data]) | foreign_digits(text)
            odd |= (runs.counts < kept + _LEAST) & (text.lengths > 0)
            refuse(odd, f"card numbers of {kept + _LEAST} digits or more", hint="use mask.digits()")
            for count, which in groups(runs.counts):
                if count:
                    places = runs.matrix(which, count)
                    numbers[places] = _masked(numbers[places], strings, kept)
            text.data[found] = numbers[found] + np.uint8(DIGITS[0])
            return text

        return replace


def _masked(digits: Bytes, strings: Strings, kept: int) -> Bytes:
    """Return what numbers of one length become.

    How far the check digit is from the right one stays the same, so that this is a permutation
    of the wrong numbers as well.
    """
    off = digits[:, -1] + (10 - check_digit(digits[:, :-1]))
    masked = digits.copy()
    masked[:, kept:-1] = strings.permute(digits[:, kept:-1])
    masked[:, -1] = (check_digit(masked[:, :-1]) + off) % 10
    return masked


def check_digit(digits: Bytes) -> NDArray[np.uint8]:
    """Return the digit that Luhn's check wants after each row of *digits* (ISO/IEC 7812)."""
    doubled = _DOUBLED[digits[:, ::-1][:, 0::2]].sum(axis=1, dtype=np.uint64)
    plain = digits[:, ::-1][:, 1::2].sum(axis=1, dtype=np.uint64)
    check: NDArray[np.uint8] = ((10 - (doubled + plain) % 10) % 10).astype(np.uint8)
    return check
