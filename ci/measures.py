"""Measures: the figure of a timing that a budget limits, its name and its unit."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from ci.datasets.dataset import Measure
from ci.timing import Kind
from ci.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ci.timing import Timing

SECONDS = frozenset({Measure.SECONDS, Measure.STALL, Measure.LOCK})
"""What differs from run to run."""


def warm(timings: Sequence[Timing]) -> Sequence[Timing]:
    """Return those of *timings* that count: all but the cold ones, unless there are no others."""
    return [each for each in timings if each.warm] or timings


def measured_of(measure: Measure, timings: Iterable[Timing]) -> float | None:
    """Return the median of *measure*; None where it was not measured."""
    values = values_of(measure, timings)
    return median(values) if values else None


def values_of(measure: Measure, timings: Iterable[Timing]) -> list[float]:
    """Return *measure* of each of *timings* that has it."""
    found = (_VALUES[measure](each) for each in timings)
    return [each for each in found if each is not None]


def _seconds(timing: Timing) -> float | None:
    """Return the seconds, but of what runs beside the application: that may take its time."""
    return None if timing.step.kind is Kind.MOVE else timing.seconds


def _lock(timing: Timing) -> float | None:
    locks = timing.observation.locks
    if locks is None:
        return None
    return max((each.seconds for each in locks if each.blocks and not each.waited), default=0.0)


def _growth(timing: Timing) -> float | None:
    counters = timing.observation.counters
    parts = [each for each in (counters.table_growth, counters.index_growth) if each is not None]
    return sum(parts) if parts else None


_VALUES: Mapping[Measure, Callable[[Timing], float | None]] = {
    Measure.SECONDS: _seconds,
    Measure.STALL: lambda timing: timing.observation.longest_stall(),
    Measure.LOCK: _lock,
    Measure.ROWS_READ: lambda timing: timing.observation.counters.rows_read,
    Measure.ROWS_WRITTEN: lambda timing: timing.observation.counters.rows_written,
    Measure.LOG_BYTES: lambda timing: timing.observation.counters.log_bytes,
    Measure.TEMPORARY_BYTES: lambda timing: timing.observation.counters.temporary_bytes,
    Measure.GROWTH: _growth,
}

NAMES: Mapping[Measure, str] = {
    Measure.SECONDS: "time",
    Measure.STALL: "longest stall",
    Measure.LOCK: "longest blocking lock",
    Measure.ROWS_READ: "rows read",
    Measure.ROWS_WRITTEN: "rows written",
    Measure.LOG_BYTES: "log",
    Measure.TEMPORARY_BYTES: "temporary data",
    Measure.GROWTH: "growth",
}
"""What people call a measure."""


def shown(measure: Measure, value: float) -> str:
    """Return *value* as people read it, with its unit."""
    if measure in SECONDS:
        return duration(value)
    if measure in (Measure.ROWS_READ, Measure.ROWS_WRITTEN):
        return f"{value:,.0f}"
    return size(value)
