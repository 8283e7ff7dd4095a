"""A result of any size is a document, and what is judged is still in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ci.datasets.dataset import Measure
from ci.measures import measured_of
from ci.publish import fit
from ci.result import LIMIT, Result, decode, encode
from ci.timing import Kind, Statement, Step
from tests.ci.results import SEEN, result, timed


def large(steps: int, runs: int, statements: int, spans: int) -> Result:
    """Return a result of a change with so many steps, each of which was seen to do much."""
    seen = replace(
        SEEN,
        statements=tuple(Statement(sql="SELECT ?, " * 50, seconds=1) for _ in range(statements)),
        locks=tuple(
            replace(each, began=number, seconds=number / 100)
            for number in range(spans)
            for each in SEEN.locks or ()
        ),
        stalls=tuple(
            replace(each, seconds=number) for number in range(spans) for each in SEEN.stalls
        ),
    )
    good = result()
    assert good.change
    timings = tuple(
        timing
        for number in range(steps)
        for timing in timed(
            Step(version=str(number), name=f"step_{number}", kind=Kind.EXPAND),
            *([0.5] * runs),
            seen=seen,
        )
    )
    return replace(good, change=replace(good.change, timings=timings))


def test_a_small_result_stays_as_it_is() -> None:
    assert fit(result()) == result()


@pytest.mark.parametrize(("steps", "runs", "spans"), [(3, 8, 2000), (60, 7, 20), (500, 3, 5)])
def test_a_large_one_has_less_of_each_step(steps: int, runs: int, spans: int) -> None:
    before = large(steps, runs, 50, spans)
    after = fit(before)

    assert decode(encode(after)) == after
    assert before.change
    assert after.change
    assert len(after.change.timings) == steps * runs
    assert after.findings == before.findings
    for measure in (Measure.SECONDS, Measure.STALL, Measure.LOCK):
        first = before.change.timings[:runs]
        assert measured_of(measure, after.change.timings[:runs]) == measured_of(measure, first)


def test_the_typical_run_keeps_its_statements_longest() -> None:
    after = fit(large(60, 7, 50, 1))
    assert after.change
    kept = [len(each.observation.statements) for each in after.change.timings[:7]]

    assert sum(kept) == max(kept) > 0


def test_one_with_too_many_steps_says_what_was_found() -> None:
    after = fit(large(10_000, 3, 0, 0))

    assert after.change is None
    assert after.findings == result().findings
    assert len(encode(after)) < LIMIT
