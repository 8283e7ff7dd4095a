"""Compare: what the steps of a change take, beside the same steps of the target branch. Pure.

A step is slower when the median of its warm runs is above that of the baseline by more than
`k` times what the MAD says of the medians' error, and by an effect that counts. A movement of
data is compared by its speed: by the seconds that as many rows take.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from ci.datasets.dataset import Measure
from ci.measures import NAMES, measured_of, shown, values_of, warm
from ci.numbers import doubt, rounded
from ci.result import Colour, Finding, Rule
from ci.timing import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ci.settings import Judging
    from ci.timing import Step, Timing


def by_step(timings: Iterable[Timing]) -> Mapping[Step, Sequence[Timing]]:
    """Return the timings of each step: warm ones, or the cold ones where there are no others."""
    found: dict[Step, list[Timing]] = {}
    for each in timings:
        found.setdefault(each.step, []).append(each)
    return {step: warm(those) for step, those in found.items()}


def slower(
    before: Iterable[Timing], after: Iterable[Timing], judging: Judging
) -> Iterator[Finding]:
    """Yield what is slower in the change, *after*, than *before*; not confirmed yet."""
    for step, old, new in _pairs(before, after):
        times = _times(step, old, new)
        if all(times) and is_slower(*times, judging):
            yield (
                _slow_move(step, old, new)
                if step.kind is Kind.MOVE
                else _slow(step, Measure.SECONDS, *times)
            )
        for measure in (Measure.STALL, Measure.LOCK):
            found = values_of(measure, old), values_of(measure, new)
            if all(found) and is_slower(*found, judging):
                yield _slow(step, measure, *found)


def is_slower(old: Sequence[float], new: Sequence[float], judging: Judging) -> bool:
    """Return whether *new* is above *old* by more than chance, and by enough to count."""
    before, after = median(old), median(new)
    apart = after - before
    return (
        apart > judging.k * doubt(old, new)
        and apart > judging.smallest_seconds
        and apart > judging.smallest_share * before
    )


def unsteady(
    before: Iterable[Timing], after: Iterable[Timing], judging: Judging
) -> Iterator[Finding]:
    """Yield a warning where even a step of half as much again could not be told from noise."""
    for step, old_timings, new_timings in _pairs(before, after):
        old, new = _times(step, old_timings, new_timings)
        middle = median(old or new or [0.0])
        wide = len(new) > 1 and judging.k * doubt(old or new, new) > middle / 2
        if wide and middle > judging.smallest_seconds:
            yield Finding(
                colour=Colour.YELLOW,
                rule=Rule.NOISE,
                step=step,
                said=f"{step.name}: too unsteady to compare: {shown(Measure.SECONDS, middle)} "
                f"± {shown(Measure.SECONDS, doubt(new))}",
                measure=_measure(step),
                measured=middle,
            )


def _pairs(
    before: Iterable[Timing], after: Iterable[Timing]
) -> Iterator[tuple[Step, Sequence[Timing], Sequence[Timing]]]:
    """Yield each step of the change with its timings before and after; without any it is new."""
    known = {step.key: timings for step, timings in by_step(before).items()}
    for step, timings in by_step(after).items():
        yield step, known.get(step.key, ()), timings


def _measure(step: Step) -> Measure:
    return Measure.PRODUCTION if step.kind is Kind.MOVE else Measure.SECONDS


def _times(
    step: Step, old: Sequence[Timing], new: Sequence[Timing]
) -> tuple[list[float], list[float]]:
    """Return the seconds of *step* before and after; of a movement, for as many rows."""
    if step.kind is not Kind.MOVE:
        return values_of(Measure.SECONDS, old), values_of(Measure.SECONDS, new)
    moved = [each.pace.moved for each in (*old, *new) if each.pace]
    rows = median(moved) if moved else 0
    return [rows / each for each in _speeds(old)], [rows / each for each in _speeds(new)]


def _speeds(timings: Iterable[Timing]) -> list[float]:
    return [each.pace.rows_per_second for each in timings if each.pace]


def _slow(step: Step, measure: Measure, old: Sequence[float], new: Sequence[float]) -> Finding:
    before, after = median(old), median(new)
    times = f"{after / before:.1f} × " if before else "more than "
    return Finding(
        colour=Colour.RED,
        rule=Rule.SLOWER,
        step=step,
        said=f"{step.name}: {NAMES[measure]} {shown(measure, after)}, {times}the "
        f"{shown(measure, before)} of the target branch in the same run (medians of "
        f"{len(new)} and {len(old)} runs, ± {shown(measure, doubt(old, new))})",
        measure=measure,
        measured=after,
        against=before,
    )


def _slow_move(step: Step, old: Sequence[Timing], new: Sequence[Timing]) -> Finding:
    before, after = _speeds(old), _speeds(new)
    return Finding(
        colour=Colour.RED,
        rule=Rule.SLOWER,
        step=step,
        said=f"{step.name}: {rounded(median(after)):,.0f} rows per second, "
        f"{rounded(median(before)):,.0f} in the target branch in the same run "
        f"(medians of {len(after)} and {len(before)} runs, "
        f"± {rounded(doubt(before, after)):,.0f})",
        measure=Measure.PRODUCTION,
        measured=measured_of(Measure.PRODUCTION, new),
        against=measured_of(Measure.PRODUCTION, old),
    )
