"""View: the results of a run as they are looked at, whatever they are written in. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from ci.datasets.dataset import Measure
from ci.measures import NAMES, measured_of, pace_figures, pace_of, shown, warm
from ci.report.marks import marks_of
from ci.result import Colour, Finding, Result
from ci.timing import Kind
from ci.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ci.history import Series
    from ci.report.marks import Mark
    from ci.result import Walked
    from ci.timing import Statement, Step, Timing

WORDS = {Colour.GREEN: "SUCCESS", Colour.YELLOW: "SUCCESS, with warnings", Colour.RED: "FAILURE"}
NEAR = 5
"""A budget that is more than so many times what was taken does not fit beside it in a chart."""
MOST_STATEMENTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A time beside its baseline and its budget; shares of the width, from 0 to 1."""

    change: float
    baseline: float | None
    budget: float | None
    """None where there is none, or where it is far away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step, as it is in the change."""

    step: Step
    colour: Colour
    seconds: str
    baseline: str | None
    budget: str | None
    cold: str | None
    runs: int
    spread: str
    """The fastest and the slowest run."""
    bar: Bar
    figures: Mapping[str, str]
    """What else was measured, by its name."""
    statements: tuple[Statement, ...]
    """The slowest first."""
    told: int
    """How many statements there are, where a page has not room for all."""
    marks: tuple[Mark, ...]
    findings: tuple[Finding, ...]
    trend: tuple[float, ...] = ()
    """Medians of past runs, the oldest first, as shares of the largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One dataset on one engine."""

    result: Result
    rows: tuple[Row, ...]
    general: tuple[Finding, ...]
    """Findings that are of no step."""
    took: str

    @property
    def name(self) -> str:
        """What it is called in a list."""
        return f"{self.result.dataset} ({self.result.engine.value})"

    @property
    def word(self) -> str:
        """What it came to."""
        return WORDS[self.result.colour]

    def anchor(self, step: Step | None) -> str | None:
        """Return what *step* is linked by in a page; None for one without a row."""
        if all(row.step != step for row in self.rows):
            return None
        key = "\0".join((self.name, *(step.key if step else ())))
        return f"s{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A whole run."""

    run: str
    project: str
    colour: Colour
    began: str
    base: str
    change: str
    parts: tuple[Part, ...]
    contact: str | None = None
    link: str | None = None

    @property
    def word(self) -> str:
        """What it came to."""
        return WORDS[self.colour]

    @property
    def findings(self) -> tuple[tuple[Part, Finding], ...]:
        """All findings with their part, the worst first."""
        found = [(part, each) for part in self.parts for each in part.result.findings]
        order = list(Colour)
        return tuple(sorted(found, key=lambda each: -order.index(each[1].colour)))


def view(
    results: Sequence[Result],
    *,
    series: Iterable[Series] = (),
    contact: str | None = None,
    link: str | None = None,
) -> View:
    """Return the view of the *results* of one run, with what past runs took."""
    worst = max((each.colour for each in results), key=list(Colour).index)
    first = results[0]
    past = {
        (each.dataset, each.engine, each.kind, each.name): _by_run(each)
        for each in series
        if each.measure is Measure.SECONDS
    }
    return View(
        run=first.run,
        project=first.project,
        colour=worst,
        began=min(each.began for each in results).removesuffix("+00:00").replace("T", " "),
        base=next((each.baseline.sha for each in results if each.baseline), ""),
        change=next((each.change.sha for each in results if each.change), ""),
        parts=tuple(_part(each, past) for each in results),
        contact=contact,
        link=link,
    )


def _by_run(series: Series) -> Sequence[float]:
    """Return one figure of each run: of the target branch, or where it had none of the change."""
    found: dict[str, float] = {}
    for each in sorted(series.points, key=lambda point: point.tree == "baseline"):
        found[each.run] = each.value
    return [found[run] for run in dict.fromkeys(each.run for each in series.points)]


def _part(result: Result, past: Mapping[tuple[str, str, str, str], Sequence[float]]) -> Part:
    before = _by_step(result.baseline)
    rows = []
    for step, timings in _by_step(result.change).items():
        place = (result.dataset, result.engine.value, *step.key)
        old = before.get(step)
        rows.append(_row(result, step, timings, old or (), past.get(place, ())))
    general = tuple(each for each in result.findings if each.step is None)
    failed = _failed_rows(result, {row.step for row in rows})
    return Part(
        result=result,
        rows=tuple(rows),
        general=(*general, *failed),
        took=duration(result.seconds),
    )


def _failed_rows(result: Result, shown_steps: set[Step]) -> list[Finding]:
    """Return the findings of steps that have no timing, and so no row."""
    return [each for each in result.findings if each.step and each.step not in shown_steps]


def _by_step(walked: Walked | None) -> Mapping[Step, Sequence[Timing]]:
    found: dict[Step, list[Timing]] = {}
    for each in walked.timings if walked else ():
        found.setdefault(each.step, []).append(each)
    return found


def _row(
    result: Result,
    step: Step,
    timings: Sequence[Timing],
    before: Sequence[Timing],
    past: Sequence[float],
) -> Row:
    findings = tuple(each for each in result.findings if each.step == step)
    counted = warm(timings)
    seconds = [each.seconds for each in counted]
    cold = [each.seconds for each in timings if not each.warm]
    took = median(seconds)
    old = median(each.seconds for each in warm(before)) if before else None
    budget = _limit(result, step)
    largest = max(past, default=0.0)
    statements = _typical(counted).observation.statements
    slowest = tuple(sorted(statements, key=lambda each: -each.seconds))
    return Row(
        step=step,
        colour=_worst(findings),
        seconds=duration(took),
        baseline=None if old is None else duration(old),
        budget=None if budget is None else duration(budget),
        cold=duration(median(cold)) if cold and len(cold) < len(timings) else None,
        runs=len(counted),
        spread=f"{duration(min(seconds))} to {duration(max(seconds))}",
        bar=_bar(took, old, budget),
        figures=_figures(step, counted),
        statements=slowest[:MOST_STATEMENTS],
        told=len(slowest),
        marks=marks_of(_typical(counted)),
        findings=findings,
        trend=tuple(each / largest for each in past) if largest and len(past) > 1 else (),
    )


def _limit(result: Result, step: Step) -> float | None:
    """Return the seconds that *step* may take."""
    budgets = (each.budget for each in result.budgets if each.step == step)
    return next((each.limit for each in budgets if each.measure is Measure.SECONDS), None)


def _worst(findings: Iterable[Finding]) -> Colour:
    order = list(Colour)
    return max((each.colour for each in findings), key=order.index, default=Colour.GREEN)


def _typical(timings: Sequence[Timing]) -> Timing:
    """Return the run that took the median time."""
    return sorted(timings, key=lambda each: each.seconds)[(len(timings) - 1) // 2]


def _bar(took: float, old: float | None, budget: float | None) -> Bar:
    near = budget if budget is not None and budget <= NEAR * max(took, old or 0) else None
    whole = max(took, old or 0, near or 0) or 1
    return Bar(
        change=took / whole,
        baseline=None if old is None else old / whole,
        budget=None if near is None else near / whole,
    )


def _figures(step: Step, timings: Sequence[Timing]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for measure in Measure:
        value = measured_of(measure, timings)
        if measure is not Measure.SECONDS and value is not None:
            found[NAMES[measure]] = shown(measure, value)
    pace = pace_of(timings) if step.kind is Kind.MOVE else None
    return {**found, **(pace_figures(pace) if pace else {})}
