"""Sketches: what can be told of many values in little memory, in one pass.

They do not depend on how the values are cut into pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Cells
    from anonymizer.scale.part import Words

HELD = 4096
"""Distinct values that are counted one by one; of more, those with the least hashes are."""
RUN = 32
"""Rows that are sampled together, since how values compress depends on their neighbours."""
RUNS = 256
LONGEST = 4096
"""Bytes of a value that are sampled."""
FULL = float(1 << 64)


class Counts:
    """How often values come: all of them, or HELD drawn by their keyed hashes from more.

    So the number of distinct values is known, within 1.6 % (one standard error) if there are
    more than HELD (Bar-Yossef and others, 2002), and how often a value comes is of a fair
    sample of the values.
    """

    def __init__(self) -> None:
        self.total = 0
        self._hashes = np.zeros(0, np.uint64)
        self._counts = np.zeros(0, np.int64)
        self._limit: np.uint64 | None = None

    def add(self, hashes: Words) -> None:
        """Count values by their hashes."""
        self.total += len(hashes)
        if self._limit is not None:
            hashes = hashes[hashes <= self._limit]
        if not len(hashes):
            return
        new, counts = np.unique(hashes, return_counts=True)
        self._hashes, at = np.unique(np.concatenate([self._hashes, new]), return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._counts = np.bincount(at, weights=weights).astype(np.int64)
        if len(self._hashes) > HELD:
            self._hashes, self._counts = self._hashes[:HELD], self._counts[:HELD]
            self._limit = self._hashes[-1]

    @property
    def exact(self) -> bool:
        """Whether every value is counted."""
        return self._limit is None

    @property
    def distinct(self) -> int:
        """How many distinct values there are, or about how many."""
        if self._limit is None:
            return len(self._hashes)
        return round((HELD - 1) / ((float(self._limit) + 1) / FULL))

    @property
    def each(self) -> NDArray[np.int64]:
        """How often each value comes that is counted."""
        return self._counts


class Sample:
    """Runs of neighbouring rows, chosen by their numbers alone; the same of any two columns."""

    def __init__(self) -> None:
        self._limit = FULL
        self._next = 0
        self._rows: list[NDArray[np.int64]] = []
        self._values: list[list[bytes]] = []
        self._runs: set[int] = set()

    def add(self, values: Cells, rows: NDArray[np.int64], count: int) -> None:
        """Take *values*, which stand in *rows* of the next *count* rows."""
        numbers = rows + self._next
        self._next += count
        runs = numbers // RUN
        scores = _hash(runs)
        which = np.flatnonzero(scores < self._limit)
        while len(more := self._runs | set(runs[which].tolist())) > RUNS:
            self._limit /= 2
            self._thin()
            which = which[scores[which] < self._limit]
        if len(which):
            self._runs = more
            self._rows.append(numbers[which])
            self._values.append([each[:LONGEST] for each in values.take(which).to_list()])

    def rows(self) -> NDArray[np.int64]:
        """Return the numbers of the rows that were chosen."""
        return np.concatenate([np.zeros(0, np.int64), *self._rows])

    def values(self) -> list[bytes]:
        """Return their values, cut off after LONGEST bytes: for figures, and no report."""
        return [each for values in self._values for each in values]

    def _thin(self) -> None:
        rows, values = self.rows(), self.values()
        keep = _hash(rows // RUN) < self._limit
        self._rows = [rows[keep]]
        self._values = [[each for each, kept in zip(values, keep, strict=True) if kept]]
        self._runs = set((rows[keep] // RUN).tolist())


def _hash(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a number from 0 up to 2⁶⁴ for each of *numbers*, which looks like chance."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed ^ (mixed >> np.uint64(31))).astype(np.float64)
