"""Rounded: numbers as exactly as people read them; all digits of one could be data.

The code under test decides how many rows it writes, and how long it waits. What is judged is
exact; what is published has three digits.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ci import numbers

if TYPE_CHECKING:
    from ci.result import Finding, Result, Walked
    from ci.timing import Counters, Lock, Pace, Stall, Statement, Timing

    Record = TypeVar("Record", Counters, Lock, Pace, Stall, Statement, Timing)


def rounded(result: Result) -> Result:
    """Return *result* with each number that was measured rounded."""
    return replace(
        result,
        baseline=result.baseline and _walked(result.baseline),
        change=result.change and _walked(result.change),
        findings=tuple(map(_finding, result.findings)),
    )


def _finding(finding: Finding) -> Finding:
    measured = finding.measured
    return replace(finding, measured=None if measured is None else numbers.rounded(measured))


def _walked(walked: Walked) -> Walked:
    return replace(walked, timings=tuple(map(_timing, walked.timings)))


def _timing(timing: Timing) -> Timing:
    seen = timing.observation
    return replace(
        _numbers(timing),
        pace=timing.pace and _numbers(timing.pace),
        observation=replace(
            seen,
            probes=numbers.rounded(seen.probes),
            locks=seen.locks and tuple(map(_numbers, seen.locks)),
            stalls=tuple(map(_numbers, seen.stalls)),
            counters=_numbers(seen.counters),
            statements=tuple(map(_numbers, seen.statements)),
        ),
    )


def _numbers(record: Record) -> Record:
    """Return *record* with its own numbers rounded."""
    values = {each.name: getattr(record, each.name) for each in fields(record)}
    found: dict[str, Any] = {
        name: numbers.rounded(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return replace(record, **found)
