"""Grade: what finding a value again would prove.

"yes", "42" and "Berlin" stand in any dump; an e-mail address stands there for one reason.
The bits that are counted here are a low guess at how much a value says, for this end alone.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.column import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.proof.squeeze import Squeezed

LEAST = 6
"""Letters and digits, in bytes, that a value must have to be looked for."""
DIGIT, LETTER, HIGH = 3.3, 2.5, 1.5
"""Bits of a digit, an ASCII letter, a byte of other letters."""
ANY, SEVERAL, MIXED, ONE = 15.0, 20.0, 24.0, 40.0
"""Bits from which a value is looked for at all; is strong when it is several words of letters,
has digits, is one word of letters."""
NUMBERED = 6
"""Digits that an address has at the most."""
_MOMENTS = (Kind.DATE, Kind.TIME, Kind.DATETIME)
_PRECISE = 15
"""Digits from which a moment is to the fraction of a second."""
_DATE = 8
"""Digits of a date, and the least number of them that is looked for."""


class Grade(IntEnum):
    """What finding a value again would prove."""

    SHORT = 0
    """Nothing: it is too short, or one of too few."""
    WORD = 1
    """Little: it may be a word that stands there for another reason."""
    STRONG = 2
    """That it has survived."""


def grades(values: Squeezed, kind: Kind) -> NDArray[np.uint8]:
    """Return the grade of each of *values* of *kind*."""
    lengths, digits, high = _counts(values)
    letters = lengths - digits - high
    bits = DIGIT * digits + LETTER * letters + HIGH * high
    needed = np.where(digits > 0, MIXED, np.where(values.words > 1, SEVERAL, ONE))
    found = np.where(bits >= needed, Grade.STRONG, Grade.WORD).astype(np.uint8)
    found[(bits < ANY) | (lengths < LEAST)] = Grade.SHORT
    numbers = digits == lengths
    found[numbers & ((found < Grade.STRONG) | _dates(values, lengths))] = Grade.SHORT
    if kind in _MOMENTS:
        found[digits < _PRECISE] = Grade.SHORT
    return found


def numbers(values: Squeezed) -> NDArray[np.bool_]:
    """Return which of *values* are digits only."""
    lengths, digits, _ = _counts(values)
    found: NDArray[np.bool_] = (lengths > 0) & (digits == lengths)
    return found


def names(values: Squeezed) -> NDArray[np.bool_]:
    """Return which of *values* are several words with few digits: names, addresses."""
    lengths, digits, _ = _counts(values)
    found: NDArray[np.bool_] = (digits <= NUMBERED) & (digits < lengths) & (values.words > 1)
    return found


def _counts(values: Squeezed) -> tuple[Places, Places, Places]:
    """Return the length of each of *values*, its digits, and its bytes outside ASCII."""
    letters, starts, ends = values.letters, values.starts, values.ends
    digits = (letters - np.uint8(ord("0"))) < 10  # noqa: PLR2004
    return ends - starts, _within(digits, starts, ends), _within(letters > 0x7F, starts, ends)  # noqa: PLR2004


def _within(which: NDArray[np.bool_], starts: Places, ends: Places) -> Places:
    """Return how many are true from each of *starts* to its end."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(which)])
    counted: Places = sums[ends] - sums[starts]
    return counted


def _dates(values: Squeezed, lengths: Places) -> NDArray[np.bool_]:
    """Return which of *values*, if they are digits, may be a date: 2024-05-06, 20240506."""
    heads: Bytes = values.cells.heads(2)
    century = (heads == np.frombuffer(b"19", np.uint8)).all(1)
    century |= (heads == np.frombuffer(b"20", np.uint8)).all(1)
    found: NDArray[np.bool_] = (lengths == _DATE) & century
    return found
