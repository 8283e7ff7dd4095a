"""Verdict: what the timings of baseline and change come to, beside their budgets. Pure.

A step is slower when the median of its warm runs is above that of the baseline by more than
`k` times what the MAD says of the medians' error, and by an effect that counts. Seconds are
red only when a second look confirms them; what is counted is the same each time and needs
none. A warning is yellow.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

from ci.datasets.dataset import Measure
from ci.measures import NAMES, SECONDS, measured_of, shown, values_of
from ci.numbers import doubt
from ci.result import Colour, Finding, Rule
from ci.settings import Judging

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ci.datasets.dataset import Budget, Budgets
    from ci.result import Failure, Walked
    from ci.timing import Step, Timing


SURE = 2.0
"""Standard errors, beyond those that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged together: one look at baseline and change on one dataset."""

    baseline: Walked
    change: Walked
    budgets: Budgets
    touched: frozenset[str] = frozenset()
    """Files of the change."""
    adds: bool = False
    """Whether the change adds migrations."""
    judging: Judging = field(default_factory=Judging)


def judge(case: Case) -> tuple[Finding, ...]:
    """Return all that was found, the worst first; seconds are not confirmed yet."""
    found = [
        *_failed(case),
        *_nothing_ran(case),
        *_schema(case),
        *_over_budget(case),
        *_slower(case),
        *_unsteady(case),
    ]
    return tuple(sorted(found, key=lambda each: list(Colour)[::-1].index(each.colour)))


def wants_more(case: Case) -> bool:
    """Return whether more runs may tell what these do not.

    Half as much again is surely seen – in 39 of 40 looks – only where the error of the medians
    is so small that it could be two of it off.
    """
    sure = replace(case, judging=replace(case.judging, k=case.judging.k + SURE))
    return any(True for _ in _unsteady(sure))


def suspicious(findings: Iterable[Finding]) -> bool:
    """Return whether a second look is needed before something is red."""
    return any(_is_unsure(each) for each in findings)


def confirm(first: Sequence[Finding], second: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return *first*, with what a *second* look did not find again as a warning."""
    again = {_place(each) for each in second if each.colour is Colour.RED}
    return tuple(_confirmed(each, again) if _is_unsure(each) else each for each in first)


def _is_unsure(finding: Finding) -> bool:
    unsteady = finding.measure in SECONDS and not finding.confirmed
    return finding.colour is Colour.RED and unsteady


def _place(finding: Finding) -> tuple[Rule, Measure | None, tuple[str, str] | None]:
    return finding.rule, finding.measure, finding.step.key if finding.step else None


def _confirmed(finding: Finding, again: Collection[object]) -> Finding:
    if _place(finding) in again:
        return replace(finding, confirmed=True)
    said = f"{finding.said}; a second run did not show it again"
    return replace(finding, colour=Colour.YELLOW, rule=Rule.NOISE, said=said)


def _failed(case: Case) -> Iterator[Finding]:
    """Yield what failed; what fails in the baseline too is no fault of the change."""
    for each in case.baseline.failures:
        yield _finding(each, Colour.YELLOW, "in the target branch already: ")
    for each in _own_failures(case):
        yield _finding(each, Colour.RED)


def _own_failures(case: Case) -> Iterator[Failure]:
    """Yield the failures of the change that the baseline does not have."""
    known = {(each.rule, each.step and each.step.key) for each in case.baseline.failures}
    for each in case.change.failures:
        if (each.rule, each.step and each.step.key) not in known:
            yield each


def _finding(failure: Failure, colour: Colour, before: str = "") -> Finding:
    return Finding(
        colour=colour, rule=failure.rule, step=failure.step, said=f"{before}{described(failure)}"
    )


def described(failure: Failure) -> str:
    """Return what *failure* says in one sentence."""
    said = {
        Rule.SETUP: "set-up failed",
        Rule.UNFINISHED: "it began and did not end",
        Rule.DIVERGED: "the history of the database is not that of the tree",
        Rule.GUARD: "the guard refuses it",
        Rule.DEADLINE: "it was ended at its deadline",
        Rule.MISMATCH: "what it said of itself is not what the server saw",
    }.get(failure.rule, "it failed")
    where = f" in {failure.phase}" if failure.phase else ""
    state = f"SQLSTATE {failure.sqlstate}" if failure.sqlstate else ""
    why = ", ".join(each for each in (failure.said, failure.error, state) if each)
    names = f": {', '.join(failure.names)}" if failure.names else ""
    return f"{said}{where}{f' ({why})' if why else ''}{names}"


def _nothing_ran(case: Case) -> Iterator[Finding]:
    """Yield that nothing of the change ran; what is pending in the baseline is not of it."""
    known = {each.step.key for each in case.baseline.timings}
    steps = [each.step for each in case.change.timings]
    ran = any(each.key not in known or each.path in case.touched for each in steps)
    if case.adds and not ran and not any(_own_failures(case)):
        yield Finding(
            colour=Colour.RED,
            rule=Rule.NOTHING_RAN,
            said="the change has migrations, and none of them ran",
        )


def _schema(case: Case) -> Iterator[Finding]:
    """Yield where the schema is not that of the models, if the baseline's was."""
    before = set(case.baseline.schema or ())
    for each in case.change.schema or ():
        old = each in before
        yield Finding(
            colour=Colour.YELLOW if old else Colour.RED,
            rule=Rule.SCHEMA,
            said=f"{'in the target branch already: ' if old else ''}the models differ: {each}",
        )


def _over_budget(case: Case) -> Iterator[Finding]:
    # Where a step stands is what the target branch says of it, not the change itself.
    known = {step.key: step.path for step in _by_step(case.baseline.timings)}
    for step, timings in _by_step(case.change.timings).items():
        mild = step.key in known and known[step.key] not in case.touched
        for measure, budget in case.budgets.of(step).items():
            measured = measured_of(measure, timings)
            if measured is None or measured <= budget.limit:
                continue
            yield Finding(
                colour=Colour.YELLOW if mild else Colour.RED,
                rule=Rule.BUDGET,
                step=step,
                said=_over(step, measure, measured, budget, len(timings))
                + (", in the target branch already" if mild else ""),
                measure=measure,
                measured=measured,
                against=budget.limit,
            )


def _over(step: Step, measure: Measure, measured: float, budget: Budget, runs: int) -> str:
    return (
        f"{step.name}: {NAMES[measure]} {shown(measure, measured)}, the median of {runs} "
        f"run{'s' * (runs > 1)}; its budget is {shown(measure, budget.limit)}"
    )


def _slower(case: Case) -> Iterator[Finding]:
    before = {step.key: timings for step, timings in _by_step(case.baseline.timings).items()}
    for step, timings in _by_step(case.change.timings).items():
        for measure in (Measure.SECONDS, Measure.STALL, Measure.LOCK):
            old = values_of(measure, before.get(step.key, ()))
            new = values_of(measure, timings)
            if old and new and is_slower(old, new, case.judging):
                yield _slow(step, measure, old, new)


def is_slower(old: Sequence[float], new: Sequence[float], judging: Judging) -> bool:
    """Return whether *new* is above *old* by more than chance, and by enough to count."""
    before, after = median(old), median(new)
    apart = after - before
    return (
        apart > judging.k * doubt(old, new)
        and apart > judging.smallest_seconds
        and apart > judging.smallest_share * before
    )


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


def _unsteady(case: Case) -> Iterator[Finding]:
    """Yield a warning where even a step of half as much again could not be told from noise."""
    before = {step.key: timings for step, timings in _by_step(case.baseline.timings).items()}
    for step, timings in _by_step(case.change.timings).items():
        values = values_of(Measure.SECONDS, timings)
        old = values_of(Measure.SECONDS, before.get(step.key, ())) or values
        middle = median(old) if old else 0.0
        wide = len(values) > 1 and case.judging.k * doubt(old, values) > middle / 2
        if wide and middle > case.judging.smallest_seconds:
            yield Finding(
                colour=Colour.YELLOW,
                rule=Rule.NOISE,
                step=step,
                said=f"{step.name}: too unsteady to compare: {shown(Measure.SECONDS, middle)} "
                f"± {shown(Measure.SECONDS, doubt(values))}",
                measure=Measure.SECONDS,
                measured=middle,
            )


def _by_step(timings: Iterable[Timing]) -> Mapping[Step, Sequence[Timing]]:
    """Return the timings of each step: warm ones, or the cold ones where there are no others."""
    found: dict[Step, list[Timing]] = {}
    for each in timings:
        found.setdefault(each.step, []).append(each)
    return {step: [each for each in those if each.warm] or those for step, those in found.items()}
