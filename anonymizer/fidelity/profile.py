"""Profiler: reads the rows of a table once, and says its figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import zstandard

from anonymizer.column import Kind
from anonymizer.fidelity.sketches import Counts, Sample
from anonymizer.scale.prints import ABSENT, Fingerprints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from anonymizer.column import Column, Reference, Table, TableName
    from anonymizer.key import Key
    from anonymizer.scale.part import Part

TOP = 10
BUCKETS = 32
LEVEL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of one column."""

    nulls: float
    """Share of rows."""
    bytes: float
    """Of a value, on average."""
    distinct: int
    """Values, within 1.6 % (one standard error) when there are more than 4096."""
    top: float
    """Share of values that are one of the ten that come most often."""
    lengths: tuple[float, ...]
    """Shares of values of 0, 1, 2–3, 4–7, 8–15… bytes."""
    compressed: float
    """What zstd makes of a byte."""
    order: float
    """Correlation of values and their places, from -1 to 1: 1 when rows stand in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """How many rows refer to one, of those that are referred to."""

    mean: float
    p95: float
    most: int
    exact: bool
    """Whether all were counted; of more than 4096, a sample was, and *most* may be too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFigures:
    """Figures of one table."""

    rows: int
    columns: Mapping[str, Figures]
    references: Mapping[str, FanOut]
    """By their columns, with commas between."""


class Profiler:
    """Takes the rows of one table in their order; one process reads a table."""

    def __init__(self, table: Table, key: Key) -> None:
        self._table = table
        self._prints = Fingerprints(key.derive("fidelity"))
        self._rows = 0
        self._columns = {each.name: _Column(each) for each in table.columns}
        self._references = {each: Counts() for each in table.references}

    @property
    def name(self) -> TableName:
        """The table's name."""
        return self._table.name

    def add(self, part: Part) -> None:
        """Take the next rows; columns that *part* has not are not looked at."""
        self._rows += part.count
        for name in part.values:
            hashes = self._prints.of(part, self._table, [name])
            self._columns[name].add(part, hashes[hashes != ABSENT])
        for reference, counts in self._references.items():
            if set(reference.columns) <= set(part.values):
                prints = self._prints.of(part, self._table, reference.columns)
                counts.add(prints[prints != ABSENT])

    def figures(self) -> TableFigures:
        """Return the figures of all rows that were taken."""
        return TableFigures(
            rows=self._rows,
            columns={name: each.figures() for name, each in self._columns.items()},
            references={
                _named(reference): _fan_out(counts)
                for reference, counts in self._references.items()
            },
        )


class _Column:
    """What is gathered of one column."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._rows = self._bytes = 0
        self._lengths = np.zeros(BUCKETS, np.int64)
        self._counts = Counts()
        self._sample = Sample()

    def add(self, part: Part, hashes: NDArray[np.uint64]) -> None:
        """Take the values of *part*, and the hashes of those that are not NULL."""
        rows, values = part.there(self._column.name)
        lengths = values.lengths
        self._rows += part.count
        self._bytes += int(lengths.sum())
        buckets = np.ceil(np.log2(lengths + 1)).astype(np.int64)
        self._lengths += np.bincount(np.minimum(buckets, BUCKETS - 1), minlength=BUCKETS)
        self._counts.add(hashes)
        self._sample.add(values, rows, part.count)

    def figures(self) -> Figures:
        """Return the figures of what was taken."""
        values, there = self._sample.values(), max(self._counts.total, 1)
        used = np.trim_zeros(self._lengths, "b")
        return Figures(
            nulls=1 - self._counts.total / self._rows if self._rows else 0.0,
            bytes=self._bytes / there,
            distinct=self._counts.distinct,
            top=self._top(values),
            lengths=tuple((used / there).tolist()),
            compressed=_compressed(values),
            order=_order(self._sample.rows(), values, self._column.kind),
        )

    def _top(self, values: Sequence[bytes]) -> float:
        if self._counts.exact:
            most = np.sort(self._counts.each)[-TOP:].sum()
            return float(most / max(self._counts.total, 1))
        return sum(count for _, count in Counter(values).most_common(TOP)) / len(values)


def _named(reference: Reference) -> str:
    return ",".join(reference.columns)


def _fan_out(counts: Counts) -> FanOut:
    each = counts.each
    return FanOut(
        mean=counts.total / max(counts.distinct, 1),
        p95=float(np.quantile(each, 0.95)) if len(each) else 0.0,
        most=int(each.max(initial=0)),
        exact=counts.exact,
    )


def _compressed(values: Sequence[bytes]) -> float:
    text = b"\n".join(values)
    if not text:
        return 1.0
    return len(zstandard.ZstdCompressor(level=LEVEL).compress(text)) / len(text)


def _order(rows: NDArray[np.int64], values: Sequence[bytes], kind: Kind) -> float:
    """Return the rank correlation (Spearman) of *values* and *rows*; 0 where it has no sense."""
    comparable = _comparable(values, kind)
    found, at, counts = np.unique(comparable, return_inverse=True, return_counts=True)
    if len(found) < 2:  # noqa: PLR2004 - one value has no order
        return 0.0
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float(np.corrcoef(np.argsort(np.argsort(rows)), ranks[at])[0, 1])


def _comparable(values: Sequence[bytes], kind: Kind) -> NDArray[np.generic]:
    """Return *values* as what compares as they do: numbers, or their first bytes."""
    if kind in {Kind.INTEGER, Kind.NUMBER}:
        try:
            return np.array([float(each) for each in values])
        except ValueError:
            pass  # SQLite lets anything stand in any column
    return np.array([each[:32] for each in values], "S32")
