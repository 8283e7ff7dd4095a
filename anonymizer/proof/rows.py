"""Rows: a masked column compared with itself before, row by row, on a sample.

Where values are too short to prove anything by being found again, this still tells a column
that was masked from one that was not: a mask that looks at nothing but its key leaves no more
rows as they were than chance does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.reading import Values

    Numbers = NDArray[np.uint64]

WHOLE = 1 << 18
"""Rows from the first on that are all in the sample."""
STEP = 32
"""Of the rows behind them, one in so many is."""
NULL, EMPTY = np.uint64(0), np.uint64(1)
"""What stands in a sample for NULL and for a value without a byte."""
KEPT = 4096
"""Fingerprints by which distinct values are counted: exactly as long as there are fewer."""
_SIGMAS = 5.0


class Sample:
    """Fingerprints of one column in some rows, and a count of its distinct values."""

    def __init__(self) -> None:
        self._parts: list[Numbers] = []
        self._least: Numbers = np.zeros(0, np.uint64)
        self.values = 0
        self.nulls = 0

    def add(self, first: int, count: int, values: Values, prints: Numbers) -> None:
        """Put in *count* rows, of which the *first* is so far from the table's beginning.

        Of values that are not in the sample, *prints* serve to count distinct ones.
        """
        column = np.full(count, NULL)
        column[values.rows] = np.where(values.cells.lengths == 0, EMPTY, prints | np.uint64(2))
        self._parts.append(column[in_sample(np.arange(first, first + count))])
        self.values += len(prints)
        self.nulls += count - len(prints)
        fresh = prints if len(self._least) < KEPT else prints[prints < self._least[-1]]
        if len(fresh):
            self._least = np.unique(np.concatenate([self._least, fresh]))[:KEPT]

    @property
    def distinct(self) -> int:
        """How many distinct values there are: within 2 % from KEPT on."""
        if len(self._least) < KEPT:
            return len(self._least)
        return min(self.values, round((KEPT - 1) / (int(self._least[-1]) / 2**64)))

    @property
    def prints(self) -> Numbers:
        """The rows of the sample."""
        return np.concatenate([np.zeros(0, np.uint64), *self._parts])


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many rows of a sample were left as they were."""

    rows: int
    """Rows that hold a value before and after."""
    same: int
    expected: float
    """How many would be the same if the mask knew nothing of the row."""
    emptied: int
    """Values that became NULL."""
    filled: int
    """NULLs that became a value."""

    @property
    def unchanged(self) -> bool:
        """Whether the column was left as it was."""
        return self.rows > 0 and self.same == self.rows

    @property
    def suspicious(self) -> bool:
        """Whether more rows were left as they were than chance explains."""
        return self.same > self.expected + _SIGMAS * sqrt(self.expected)


def in_sample(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows with *numbers*, counted from 0, are in the sample."""
    found: NDArray[np.bool_] = (numbers < WHOLE) | (numbers % STEP == 0)
    return found


def compare(before: Numbers, after: Numbers) -> Comparison:
    """Compare the samples of a column in the original and in the output, row by row."""
    both = (before > EMPTY) & (after > EMPTY)
    left, right = before[both], after[both]
    values, counts = np.unique(left, return_counts=True)
    others, times = np.unique(right, return_counts=True)
    _, here, there = np.intersect1d(values, others, assume_unique=True, return_indices=True)
    together = float((counts[here].astype(np.float64) * times[there]).sum())
    return Comparison(
        rows=len(left),
        same=int((left == right).sum()),
        expected=together / max(len(left), 1),
        emptied=int(((before != NULL) & (after == NULL)).sum()),
        filled=int(((before == NULL) & (after != NULL)).sum()),
    )
