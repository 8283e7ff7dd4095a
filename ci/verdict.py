"""Verdict: what the timings of baseline and change come to, beside their budgets. Pure.

Seconds are red only when a second look confirms them; what is counted is the same each time
and needs none. A warning is yellow. What is green is told because people ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ci.compare import by_step, slower, unsteady
from ci.datasets.dataset import Measure
from ci.measures import NAMES, SECONDS, measured_of, pace_figures, pace_of, seen, shown
from ci.result import Colour, Finding, Rule
from ci.settings import Judging
from ci.timing import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ci.datasets.dataset import Budget, Budgets
    from ci.result import Failure, Walked
    from ci.timing import Step


SURE = 3.0
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
    trouble: Failure | None = None
    """What has cut the look short."""


def judge(case: Case) -> tuple[Finding, ...]:
    """Return all that was found, the worst first; seconds are not confirmed yet.

    A look that was cut short is held against budgets alone: it may have seen half of a tree.
    """
    if case.trouble is not None:
        return cut_short([*_failed(case), *_over_budget(case)], case.trouble)
    timings = case.baseline.timings, case.change.timings
    return _ordered(
        [
            *_failed(case),
            *_nothing_ran(case),
            *_schema(case),
            *_over_budget(case),
            *slower(*timings, case.judging),
            *unsteady(*timings, case.judging),
            *_moves(case),
        ]
    )


def cut_short(findings: Iterable[Finding], trouble: Failure) -> tuple[Finding, ...]:
    """Return *findings* with *trouble*; what nobody could look at a second time is a warning."""
    said = "it could not be looked at a second time"
    mild = (_doubted(each, said) if _is_unsure(each) else each for each in findings)
    return _ordered([_finding(trouble, Colour.RED), *mild])


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return *findings*, the worst first."""
    return tuple(sorted(findings, key=lambda each: list(Colour)[::-1].index(each.colour)))


def wants_more(case: Case) -> bool:
    """Return whether more runs may tell what these do not.

    Half as much again is surely seen – in 99 of 100 looks, two of which have to agree – only
    where the error of the medians is so small that it could be two and a half of it off.
    """
    sure = replace(case.judging, k=case.judging.k + SURE)
    return any(True for _ in unsteady(case.baseline.timings, case.change.timings, sure))


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
    return _doubted(finding, "a second run did not show it again")


def _doubted(finding: Finding, why: str) -> Finding:
    said = f"{finding.said}; {why}"
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
    known = {step.key: step.path for step in by_step(case.baseline.timings)}
    for step, timings in by_step(case.change.timings).items():
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
        f"{step.name}: {NAMES[measure]} {seen(measure, measured)}, the median of {runs} "
        f"run{'s' * (runs > 1)}; its budget is {shown(measure, budget.limit)}"
    )


def _moves(case: Case) -> Iterator[Finding]:
    """Yield how fast each movement of data is, and how long it takes at production size."""
    for step, timings in by_step(case.change.timings).items():
        pace = pace_of(timings) if step.kind is Kind.MOVE else None
        if pace is not None:
            told = ", ".join(f"{name} {value}" for name, value in pace_figures(pace).items())
            yield Finding(
                colour=Colour.GREEN,
                rule=Rule.PACE,
                step=step,
                said=f"{step.name}: {told}",
                measure=Measure.PRODUCTION,
                measured=measured_of(Measure.PRODUCTION, timings),
            )
