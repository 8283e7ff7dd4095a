"""Replace account numbers: a keyed permutation that keeps the country and right check digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.cells import groups
from anonymizer.masks.alone import Alone
from anonymizer.masks.digits import text_only
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import DIGITS, OTHER, Runs, Strings, any_in, compact, numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Cells, Which
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_LOWER, _UPPER = b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUE = numbered(DIGITS + _LOWER, DIGITS + _UPPER)
"""What a character counts in the check: 0 to 35."""
_BESIDE = numbered(b" -") != OTHER
_HEAD = 4
"""Characters of the country and the check digits."""
_LEAST, _MOST = 8, 34
_CLASSES = (DIGITS, _LOWER, _UPPER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Iban(Alone):
    """Permute IBANs (ISO 13616): the country, spaces, and which characters are letters stay.

    Check digits that are right stay right. Digits that a country puts inside to check its own
    numbers do not.
    """

    name: ClassVar[str] = "iban"

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: it is no text."""
        return text_only(column, hint="an IBAN begins with letters")

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the values of one column."""
        kinds = [(each, Strings(setting.key, len(each))) for each in _CLASSES]

        def replace(values: Cells) -> Cells:
            text = compact(values)
            runs = _runs(text)
            off = _off(text, runs)
            inner = runs.without(_HEAD)
            inside = np.zeros(text.data.size, bool)
            inside[inner.places] = True
            for alphabet, strings in kinds:
                table = numbered(alphabet)
                numbers = table[text.data]
                numbers[~inside] = OTHER
                found = numbers != OTHER
                strings.replace(numbers, Runs.of(text, found))
                text.data[found] = np.frombuffer(alphabet, np.uint8)[numbers[found]]
            _put_check(text, runs, off)
            return text

        return replace


def _runs(text: Cells) -> Runs:
    """Return the places of the letters and digits.

    Raises LeakError for a value that is written as no IBAN is.
    """
    found = _VALUE[text.data] != OTHER
    runs = Runs.of(text, found)
    odd = any_in(text, ~found & ~_BESIDE[text.data])
    odd |= ((runs.counts < _LEAST) | (runs.counts > _MOST)) & (text.lengths > 0)
    whole = np.flatnonzero(runs.counts >= _LEAST)
    heads = _VALUE[text.data[runs.places[runs.firsts[whole][:, None] + np.arange(_HEAD)]]]
    figures = len(DIGITS)
    odd[whole] |= (heads[:, :2] < figures).any(axis=1) | (heads[:, 2:] >= figures).any(axis=1)
    refuse(odd, "IBANs", hint="use mask.token() or mask.text()")
    return runs


def _off(text: Cells, runs: Runs) -> NDArray[np.int64]:
    """Return how far the check digits of each value are from the right ones."""
    off = np.zeros(len(text), np.int64)
    for which, values in _by_count(text, runs):
        given = values[:, 2].astype(np.int64) * 10 + values[:, 3]
        off[which] = given - check_digits(values)
    return off


def _put_check(text: Cells, runs: Runs, off: NDArray[np.int64]) -> None:
    """Write check digits that are *off* by as much as they were."""
    for which, values in _by_count(text, runs):
        check = (check_digits(values) + off[which]) % 100
        first = runs.firsts[which]
        text.data[runs.places[first + 2]] = check // 10 + DIGITS[0]
        text.data[runs.places[first + 3]] = check % 10 + DIGITS[0]


def _by_count(text: Cells, runs: Runs) -> list[tuple[Which, Bytes]]:
    """Return the values of one length, and what their characters count, for each length."""
    found = []
    for count, which in groups(runs.counts):
        if count:
            found.append((which, _VALUE[text.data[runs.matrix(which, count)]]))
    return found


def check_digits(values: Bytes) -> NDArray[np.int64]:
    """Return the check digits that ISO 7064 MOD 97-10 wants in each row of *values*."""
    rest = np.zeros(len(values), np.int64)
    for each in (*values.T[_HEAD:], *values.T[:2]):
        rest = (rest * np.where(each < len(DIGITS), 10, 100) + each) % 97
    return 98 - rest * 100 % 97
