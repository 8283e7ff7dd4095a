"""Results that are made up, for what is done with results."""

from __future__ import annotations

from ci.datasets.dataset import Budget, Measure
from ci.result import Allowed, Colour, Finding, Result, Rule, Walked
from ci.timing import (
    Access,
    Counters,
    Engine,
    Kind,
    Lock,
    Observation,
    Stall,
    Statement,
    Step,
    Timing,
)

OLD = Step(version="1", name="make_people", kind=Kind.EXPAND, path="versions/make_people.py")
NEW = Step(version="2", name="name_people", kind=Kind.EXPAND, path="versions/name_people.py")

SEEN = Observation(
    locks=(
        Lock(
            table="people",
            mode="AccessExclusiveLock",
            began=0.1,
            seconds=0.4,
            blocks=Access.READ,
        ),
    ),
    stalls=(Stall(table="people", access=Access.WRITE, began=0.1, seconds=0.4),),
    probes=40,
    counters=Counters(rows_read=1000, rows_written=10, log_bytes=123_456, table_growth=8192),
    statements=(
        Statement(
            sql="UPDATE people SET name = ?",
            calls=1,
            seconds=0.4,
            rows=1000,
            plan="Update on people\n  Seq Scan on people",
            scans=("people",),
        ),
    ),
)


def timed(step: Step, *seconds: float, seen: Observation = SEEN) -> tuple[Timing, ...]:
    return tuple(Timing(step=step, seconds=each, observation=seen) for each in seconds)


def result(
    run: str = "r1",
    *,
    began: str = "2026-11-27T10:00:00+00:00",
    before: float = 0.2,
    seconds: float = 0.5,
) -> Result:
    """Return a result in which `make_people` took *before* and takes *seconds*."""
    return Result(
        run=run,
        project="cloud",
        dataset="small",
        engine=Engine.POSTGRESQL,
        began=began,
        seconds=12.5,
        baseline=Walked(sha="a" * 40, timings=timed(OLD, before, before, before)),
        change=Walked(
            sha="b" * 40, timings=(*timed(OLD, seconds, seconds, seconds), *timed(NEW, 0.1, 0.1))
        ),
        budgets=tuple(
            Allowed(step=step, budget=Budget(measure=Measure.SECONDS, limit=1.0))
            for step in (OLD, NEW)
        ),
        findings=(
            Finding(
                colour=Colour.RED,
                rule=Rule.SLOWER,
                step=OLD,
                said="make_people: time 500 ms, 2.5 × the 200 ms of the target branch",
                confirmed=True,
            ),
        ),
        again="python -m ci run --base origin/main --dataset small",
    )
