"""Drifts: the figures of a dump that are further from the original's than they may be."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from math import sqrt
from typing import TYPE_CHECKING

from anonymizer.fidelity.sketches import RUN, RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.column import TableName
    from anonymizer.fidelity.profile import FanOut, Figures, TableFigures

SIGMAS = 3
LEAST_COMPRESSED = 0.005
"""Of a byte: what compresses to nearly nothing is not told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a figure may be from what is expected."""

    rows: float = 0.1
    nulls: float = 0.02
    """Difference of shares, as of the next three."""
    top: float = 0.05
    lengths: float = 0.1
    """Share of values that are in another bucket."""
    order: float = 0.1
    bytes: float = 0.1
    """Share of what it was, as of the others."""
    distinct: float = 0.1
    compressed: float = 0.2
    fan_out: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One figure that is too far from what it was; `dataclasses.asdict` makes JSON of it."""

    table: str
    of: str | None
    """A column, or the columns of a reference; None for the table."""
    figure: str
    before: float
    after: float
    limit: float
    """How far it may be: a difference for shares and orders, a share of it for all else."""


def drifts(
    before: Mapping[TableName, TableFigures],
    after: Mapping[TableName, TableFigures],
    *,
    factors: Mapping[TableName, float] | None = None,
    tolerance: Tolerance | None = None,
) -> Iterator[Drift]:
    """Yield what drifted, table by table; *factors* says by how much each was scaled.

    A figure of a sample is allowed three standard errors more than *tolerance* says.
    """
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            yield Drift(table=str(name), of=None, figure="rows", before=old.rows, after=0, limit=0)
            continue
        factor = (factors or {}).get(name, 1.0)
        yield from _Comparison(str(name), old, new, factor, tolerance or Tolerance()).drifts()


class _Comparison:
    """Two tables, and how far they may be apart."""

    def __init__(
        self,
        table: str,
        before: TableFigures,
        after: TableFigures,
        factor: float,
        tolerance: Tolerance,
    ) -> None:
        self._table, self._before, self._after = table, before, after
        self._factor, self._tolerance = factor, tolerance
        fewest = max(1, min(before.rows, after.rows))
        self._slack = SIGMAS / sqrt(fewest) if factor % 1 else 0.0

    def drifts(self) -> Iterator[Drift]:
        expected = self._before.rows * self._factor
        yield from self._share(None, "rows", expected, self._after.rows, self._tolerance.rows)
        if not self._before.rows or not self._after.rows:
            return
        for name, old in self._before.columns.items():
            if name in self._after.columns:
                yield from self._column(name, old, self._after.columns[name])
        for name, fan_out in self._before.references.items():
            if name in self._after.references:
                yield from self._reference(name, fan_out, self._after.references[name])

    def _column(self, name: str, old: Figures, new: Figures) -> Iterator[Drift]:
        may = self._tolerance
        yield from self._difference(name, "nulls", old.nulls, new.nulls, may.nulls)
        top = _nearest(new.top, old.top, min(1, old.top / self._factor))
        yield from self._difference(name, "top", top, new.top, may.top)
        yield from self._difference(name, "order", abs(old.order), abs(new.order), may.order)
        moved = _moved(old.lengths, new.lengths)
        yield from self._difference(name, "lengths", 0.0, moved, may.lengths)
        yield from self._share(name, "bytes", old.bytes, new.bytes, may.bytes)
        fewest = min(self._before.rows, self._after.rows)
        # A longer text compresses better: samples that are not as long say nothing of each other.
        as_long = self._factor == 1 or fewest >= RUN * RUNS
        if as_long and abs(new.compressed - old.compressed) > LEAST_COMPRESSED:
            yield from self._share(
                name, "compressed", old.compressed, new.compressed, may.compressed
            )
        yield from self._distinct(name, old.distinct, new.distinct)

    def _distinct(self, name: str, old: int, new: int) -> Iterator[Drift]:
        """Yield a drift when there are neither as many values as before nor *factor* as many."""
        nearest = _nearest(new, old, old * self._factor)
        yield from self._share(name, "distinct", nearest, new, self._tolerance.distinct)

    def _reference(self, name: str, old: FanOut, new: FanOut) -> Iterator[Drift]:
        may = self._tolerance.fan_out
        yield from self._share(name, "fan-out mean", old.mean, new.mean, may)
        if abs(new.p95 - old.p95) > 1:  # a whole number: the next one is as near as can be
            yield from self._share(name, "fan-out p95", old.p95, new.p95, may)
        if old.exact and new.exact and self._factor >= 1:
            yield from self._share(name, "fan-out most", old.most, new.most, may)

    def _share(
        self, of: str | None, figure: str, old: float, new: float, limit: float
    ) -> Iterator[Drift]:
        if abs(new - old) > (limit + self._slack) * abs(old):
            yield self._drift(of, figure, old, new, limit)

    def _difference(
        self, of: str, figure: str, old: float, new: float, limit: float
    ) -> Iterator[Drift]:
        if abs(new - old) > limit + self._slack:
            yield self._drift(of, figure, old, new, limit)

    def _drift(self, of: str | None, figure: str, old: float, new: float, limit: float) -> Drift:
        return Drift(
            table=self._table,
            of=of,
            figure=figure,
            before=old,
            after=new,
            limit=limit + self._slack,
        )


def _moved(old: tuple[float, ...], new: tuple[float, ...]) -> float:
    """Return which share of values is in another bucket."""
    return sum(abs(a - b) for a, b in zip_longest(old, new, fillvalue=0.0)) / 2


def _nearest(value: float, one: float, other: float) -> float:
    """Return what is nearest to *value* between *one* and *other*: keys grow, categories do not."""
    least, most = sorted((one, other))
    return min(max(value, least), most)
