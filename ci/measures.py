"""Measures: the figure of a timing that a budget limits, its name and its unit."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from ci.datasets.dataset import UNITS, Measure
from ci.numbers import rounded, rounded_up
from ci.timing import Kind
from ci.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ci.timing import Eta, Pace, Timing

SECONDS = frozenset(each for each in Measure if UNITS[each] == "seconds")
"""What differs from run to run."""
ROWS = frozenset(each for each in Measure if UNITS[each] == "rows")
"""What is counted one by one."""


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


def pace_of(timings: Iterable[Timing]) -> Pace | None:
    """Return the pace of a movement of data: that of the run whose speed is the median."""
    paces = [each.pace for each in timings if each.pace]
    fastest_last = sorted(paces, key=lambda each: each.rows_per_second)
    return fastest_last[len(paces) // 2] if paces else None


def pace_figures(pace: Pace) -> Mapping[str, str]:
    """Return what *pace* says: rows per second, and how long production would take.

    Rows are rounded: who moves them could tell data by their number.
    """
    high = "" if pace.high is None else f" to {rounded(pace.high):,.0f}"
    moved, batches = rounded(pace.moved), rounded(pace.batches)
    speed, low = rounded(pace.rows_per_second), rounded(pace.low)
    found = {
        "rows moved": f"{moved:,} in {batches:,} batch{'es' * (batches > 1)}",
        "rows per second": f"{speed:,.0f} (95 %: {low:,.0f}{high})",
    }
    if pace.eta is not None:
        expected = f"{duration(pace.eta.seconds)} for {rounded(pace.production_rows or 0):,} rows"
        found[NAMES[Measure.PRODUCTION]] = f"{expected} ({_interval(pace.eta)})"
    return found


def _interval(eta: Eta) -> str:
    if eta.best is None:
        return "one batch tells no interval"
    worst = "any time" if eta.worst is None else duration(eta.worst)
    return f"95 %: {duration(eta.best)} to {worst}"


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


def _production(timing: Timing) -> float | None:
    eta = timing.pace.eta if timing.pace else None
    return None if eta is None else eta.seconds


_VALUES: Mapping[Measure, Callable[[Timing], float | None]] = {
    Measure.SECONDS: _seconds,
    Measure.STALL: lambda timing: timing.observation.longest_stall(),
    Measure.LOCK: _lock,
    Measure.ROWS_READ: lambda timing: timing.observation.counters.rows_read,
    Measure.ROWS_WRITTEN: lambda timing: timing.observation.counters.rows_written,
    Measure.LOG_BYTES: lambda timing: timing.observation.counters.log_bytes,
    Measure.TEMPORARY_BYTES: lambda timing: timing.observation.counters.temporary_bytes,
    Measure.GROWTH: _growth,
    Measure.PRODUCTION: _production,
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
    Measure.PRODUCTION: "in production",
}
"""What people call a measure."""


def shown(measure: Measure, value: float) -> str:
    """Return *value* as people read it, with its unit."""
    if measure in SECONDS:
        return duration(value)
    if measure in ROWS:
        return f"{value:,.0f}"
    return size(value)


def seen(measure: Measure, value: float) -> str:
    """Return a measured *value* as `shown` does; a count of rows could be data, and is rounded up.

    What is above a limit of three digits stays above it.
    """
    return shown(measure, rounded_up(value) if measure in ROWS else value)
