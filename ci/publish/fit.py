"""Fit: a result with less of each step, where all of it is more than a document may hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ci.measures import warm
from ci.result import LIMIT, size_of
from ci.timing import Lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.result import Result, Walked
    from ci.timing import Stall, Step, Timing

Seen = TypeVar("Seen", "Lock", "Stall")
MOST_FINDINGS = 200


class Kept(NamedTuple):
    """How much is kept."""

    typical: int
    """Statements of the run of a step that took the median time."""
    others: int
    """Of each other run."""
    spans: int
    """Locks, and stalls, of each run, the longest; what is judged is the longest."""


LESS = (Kept(50, 0, 200), Kept(20, 0, 50), Kept(5, 0, 10), Kept(1, 0, 3), Kept(0, 0, 1))


def fit(result: Result, *, limit: int = LIMIT) -> Result:
    """Return *result*, or the first of it with less that is at most *limit* bytes.

    Verdict and times stay; only where even these are too many, findings are all there is.
    """
    if size_of(result) <= limit:
        return result
    smaller = (
        replace(
            result,
            baseline=result.baseline and _less(result.baseline, kept),
            change=result.change and _less(result.change, kept),
        )
        for kept in LESS
    )
    bare = replace(
        result, baseline=None, change=None, budgets=(), findings=result.findings[:MOST_FINDINGS]
    )
    return next((each for each in smaller if size_of(each) <= limit), bare)


def _less(walked: Walked, kept: Kept) -> Walked:
    typical = {id(each) for each in _typical(walked.timings)}
    return replace(
        walked,
        timings=tuple(
            _shortened(each, kept.typical if id(each) in typical else kept.others, kept.spans)
            for each in walked.timings
        ),
    )


def _typical(timings: Iterable[Timing]) -> Iterator[Timing]:
    """Yield of each step the run that took the median time, of the warm ones if there are some."""
    found: dict[Step, list[Timing]] = {}
    for each in timings:
        found.setdefault(each.step, []).append(each)
    for those in found.values():
        chosen = warm(those)
        yield sorted(chosen, key=lambda each: each.seconds)[(len(chosen) - 1) // 2]


def _shortened(timing: Timing, statements: int, spans: int) -> Timing:
    seen = timing.observation
    return replace(
        timing,
        observation=replace(
            seen,
            statements=seen.statements[:statements],
            locks=None if seen.locks is None else _longest(seen.locks, spans),
            stalls=_longest(seen.stalls, spans),
        ),
    )


def _longest(spans: Iterable[Seen], most: int) -> tuple[Seen, ...]:
    """Return the longest of *spans*, in order of time; before all, those that keep others out."""
    longest = sorted(spans, key=lambda each: (_gentle(each), -each.seconds))
    return tuple(sorted(longest[:most], key=lambda each: each.began))


def _gentle(span: Lock | Stall) -> bool:
    return isinstance(span, Lock) and (span.blocks is None or span.waited)
