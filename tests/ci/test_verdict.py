"""Verdicts of timings that are made up: what is red, what only warns, and how sure it is."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.datasets.dataset import Budget, Budgets, Measure
from ci.result import Colour, Failure, Finding, Rule, Walked
from ci.timing import Access, Counters, Kind, Lock, Observation, Pace, Stall, Step, Timing
from ci.verdict import Case, confirm, judge, suspicious

if TYPE_CHECKING:
    from collections.abc import Sequence

OLD = Step(version="1", name="make_people", kind=Kind.EXPAND, path="versions/make_people.py")
NEW = Step(version="2", name="name_people", kind=Kind.EXPAND, path="versions/name_people.py")


def timed(step: Step, *seconds: float, observation: Observation | None = None) -> list[Timing]:
    seen = observation or Observation()
    return [Timing(step=step, seconds=each, observation=seen) for each in seconds]


def walked(*timings: Timing, **more: object) -> Walked:
    return Walked(sha="0" * 40, timings=timings, **more)  # type: ignore[arg-type]


def budgets(**limits: float) -> Budgets:
    return Budgets(
        default={
            Measure(name): Budget(measure=Measure(name), limit=limit)
            for name, limit in limits.items()
        }
    )


def found(baseline: Walked, change: Walked, said: Budgets | None = None) -> Sequence[Finding]:
    touched = frozenset({NEW.path or ""})
    return judge(Case(baseline=baseline, change=change, budgets=said or Budgets(), touched=touched))


def test_what_takes_as_long_as_before_is_no_finding() -> None:
    assert not found(walked(*timed(OLD, 1.0, 1.1, 1.05)), walked(*timed(OLD, 1.02, 1.1, 1.0)))


def test_what_takes_twice_as_long_is_red_once_it_is_seen_again() -> None:
    first = found(walked(*timed(OLD, 1.0, 1.1, 1.05)), walked(*timed(OLD, 2.0, 2.1, 2.2)))

    assert [(each.rule, each.colour) for each in first] == [(Rule.SLOWER, Colour.RED)]
    assert suspicious(first)
    assert "2.0 × the 1.05 s of the target branch" in first[0].said
    (confirmed,) = confirm(first, first)
    assert confirmed.confirmed
    assert not suspicious([confirmed])


def test_what_is_not_seen_again_is_a_warning() -> None:
    first = found(walked(*timed(OLD, 1.0, 1.1, 1.05)), walked(*timed(OLD, 2.0, 2.1, 2.2)))

    (mild,) = confirm(first, [])
    assert (mild.colour, mild.rule) == (Colour.YELLOW, Rule.NOISE)


def test_one_slow_run_of_five_is_nothing() -> None:
    change = walked(*timed(OLD, 1.0, 9.0, 1.05, 1.1, 1.0))
    assert not found(walked(*timed(OLD, 1.0, 1.1, 1.05, 1.0, 1.0)), change)


def test_milliseconds_do_not_count() -> None:
    assert not found(walked(*timed(OLD, 0.001, 0.001)), walked(*timed(OLD, 0.01, 0.01)))


def test_a_new_migration_is_held_against_its_budget_alone() -> None:
    (over,) = found(walked(), walked(*timed(NEW, 61.0, 62.0, 60.5)), budgets(seconds=60))

    assert (over.rule, over.colour, over.measured, over.against) == (
        Rule.BUDGET,
        Colour.RED,
        61.0,
        60,
    )
    assert "1m 1s" in over.said


def test_an_old_one_over_its_budget_is_no_fault_of_the_change() -> None:
    slow = walked(*timed(OLD, 61.0, 62.0))
    (over,) = found(slow, slow, budgets(seconds=60))

    assert over.colour is Colour.YELLOW
    assert "in the target branch already" in over.said


def test_a_change_cannot_say_that_what_it_edits_stands_elsewhere() -> None:
    edited = replace(OLD, path=NEW.path)
    moved = replace(OLD, path="versions/elsewhere.py")
    baseline = walked(*timed(edited, 61.0, 62.0))
    (over,) = found(baseline, walked(*timed(moved, 61.0, 62.0)), budgets(seconds=60))

    assert over.colour is Colour.RED


def test_an_exception_holds_for_its_step_alone() -> None:
    reason = Budget(measure=Measure.SECONDS, limit=100, reason="an index of everything")
    said = Budgets(default=budgets(seconds=60).default, exceptions={"2": {Measure.SECONDS: reason}})
    assert not found(walked(), walked(*timed(NEW, 61.0)), said)
    assert found(walked(), walked(*timed(OLD, 61.0)), said)


def test_rows_need_no_second_look() -> None:
    seen = Observation(counters=Counters(rows_written=5000))
    (over,) = found(walked(), walked(*timed(NEW, 1, observation=seen)), budgets(rows_written=1000))

    assert over.colour is Colour.RED
    assert not suspicious([over])


def test_a_stall_counts_though_the_time_does_not() -> None:
    stall = Stall(table="people", access=Access.WRITE, began=0.1, seconds=2.5)
    seen = Observation(stalls=(stall,), probes=100)
    (over,) = found(walked(), walked(*timed(NEW, 3, observation=seen)), budgets(stall=1))

    assert over.measure is Measure.STALL


@pytest.mark.parametrize(
    ("lock", "counts"),
    [
        (Lock(table="t", mode="ShareLock", began=0, seconds=5, blocks=Access.WRITE), True),
        (Lock(table="t", mode="RowExclusiveLock", began=0, seconds=5), False),
        (
            Lock(table="t", mode="ShareLock", began=0, seconds=5, blocks=Access.WRITE, waited=True),
            False,
        ),
    ],
    ids=["blocks", "gentle", "waited"],
)
def test_only_a_held_lock_that_blocks_counts(lock: Lock, counts: bool) -> None:  # noqa: FBT001
    seen = Observation(locks=(lock,), probes=100)
    change = walked(*timed(NEW, 6, observation=seen))
    assert bool(found(walked(), change, budgets(lock=1))) is counts


def test_a_move_may_take_its_time() -> None:
    move = Step(version="m", name="m", kind=Kind.MOVE)
    assert not found(walked(), walked(*timed(move, 1000.0)), budgets(seconds=60))


def moving(*speeds: float, rows: int = 1000) -> list[Timing]:
    """Return a movement of so many *rows*, once at each of *speeds*."""
    move = Step(version="ages", name="ages", kind=Kind.MOVE)
    return [
        Timing(
            step=move,
            seconds=rows / each,
            pace=Pace(
                moved=rows,
                batches=10,
                rows_per_second=each,
                low=each * 0.9,
                high=each * 1.1,
                production_rows=100 * rows,
            ),
        )
        for each in speeds
    ]


def test_a_move_that_is_slower_is_red_once_it_is_seen_again() -> None:
    first = found(walked(*moving(1000, 1010, 990)), walked(*moving(500, 510, 490)))
    red = [each for each in first if each.colour is Colour.RED]

    assert [(each.rule, each.measure) for each in red] == [(Rule.SLOWER, Measure.PRODUCTION)]
    assert "500 rows per second, 1,000 in the target branch" in red[0].said
    assert (red[0].measured, red[0].against) == (200, 100)
    assert suspicious(first)
    assert confirm(first, first)[0].confirmed
    assert confirm(first, [])[0].colour is Colour.YELLOW


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (moving(1000, 1010, 990), moving(2000, 2010, 1990)),
        (moving(1000, 1010, 990), moving(900, 910, 890)),
        (moving(1000, 1010, 990, rows=10), moving(500, 510, 490, rows=10)),
        (moving(1000, 1010, 990), moving(1000, 400, 990)),
        (moving(1000, 1010, 990), moving(990, 1000, 1010, rows=3000)),
        ([], moving(1, 1, 1)),
    ],
    ids=["faster", "by a tenth", "few rows", "once", "more rows", "new"],
)
def test_a_move_is_not_slower(before: list[Timing], after: list[Timing]) -> None:
    assert {each.colour for each in found(walked(*before), walked(*after))} == {Colour.GREEN}


def test_a_move_tells_no_more_of_its_rows_than_three_digits() -> None:
    old, new = moving(98765.4, rows=4123457), moving(34567.8, rows=4123457)
    said = " ".join(each.said for each in found(walked(*old * 3), walked(*new * 3)))

    assert "34,600 rows per second, 98,800 in the target branch" in said
    assert "rows moved 4,120,000 in 10 batches" in said
    assert not {"4,123,457", "34,568", "412,345,700", "31,111"} & set(re.split(r"[ (]", said))
    assert "for 412,000,000 rows" in said


def test_a_move_tells_how_long_production_takes() -> None:
    (told,) = found(walked(), walked(*moving(1000, 1010, 990)))

    assert (told.colour, told.rule, told.measured) == (Colour.GREEN, Rule.PACE, 100)
    assert "rows per second 1,000 (95 %: 900 to 1,100)" in told.said
    assert "in production 1m 40s for 100,000 rows (95 %: 1m 31s to 1m 51s)" in told.said


def test_production_has_a_budget() -> None:
    (over, _) = found(walked(), walked(*moving(1000, 1010, 990)), budgets(production=60))

    assert (over.rule, over.measure, over.measured) == (Rule.BUDGET, Measure.PRODUCTION, 100)
    assert "in production 1m 40s" in over.said


def test_a_move_that_is_unsteady_is_said() -> None:
    change = walked(*moving(100, 200, 400, 800, 1600))
    (noise, _) = found(walked(), change)

    assert (noise.rule, noise.measure) == (Rule.NOISE, Measure.PRODUCTION)


def test_a_look_that_was_cut_short_is_held_against_budgets_alone() -> None:
    trouble = Failure(rule=Rule.SETUP, said="no space left", phase="baseline")
    case = Case(
        baseline=walked(schema=("add_table a",)),
        change=walked(*timed(NEW, 61.0), *timed(OLD, 9.0), schema=("add_column b",)),
        budgets=budgets(seconds=60),
        adds=True,
        trouble=trouble,
    )
    (setup, over) = judge(case)

    assert (setup.colour, setup.rule) == (Colour.RED, Rule.SETUP)
    assert (over.colour, over.rule) == (Colour.YELLOW, Rule.NOISE)
    assert over.said.endswith("its budget is 1m 0s; it could not be looked at a second time")


def test_what_the_guard_refuses_is_red_unless_it_was_before() -> None:
    refused = Failure(rule=Rule.GUARD, error="GuardError", names=("people",), step=NEW)
    new = found(walked(), walked(failures=(refused,)))
    old = found(walked(failures=(refused,)), walked(failures=(refused,)))

    assert [each.colour for each in new] == [Colour.RED]
    assert "the guard refuses it (GuardError): people" in new[0].said
    assert [each.colour for each in old] == [Colour.YELLOW]


def test_a_change_with_migrations_of_which_none_ran_is_red() -> None:
    case = Case(baseline=walked(), change=walked(), budgets=Budgets(), adds=True)
    assert [each.rule for each in judge(case)] == [Rule.NOTHING_RAN]


def test_a_change_that_never_ran_is_red_also_where_the_target_branch_fails() -> None:
    failed = walked(failures=(Failure(rule=Rule.FAILED, error="ConfigurationError"),))
    case = Case(baseline=failed, change=failed, budgets=Budgets(), adds=True)
    assert [(each.rule, each.colour) for each in judge(case)] == [
        (Rule.NOTHING_RAN, Colour.RED),
        (Rule.FAILED, Colour.YELLOW),
    ]


def test_a_schema_that_is_not_that_of_the_models_is_red_if_it_is_new() -> None:
    before, after = walked(schema=("add_table a",)), walked(schema=("add_table a", "add_column b"))
    colours = {each.said.rpartition(": ")[2]: each.colour for each in found(before, after)}

    assert colours == {"add_table a": Colour.YELLOW, "add_column b": Colour.RED}


def test_what_is_unsteady_is_said() -> None:
    (noise,) = found(walked(), walked(*timed(NEW, 1.0, 2.0, 3.0, 4.0, 5.0)))
    assert (noise.colour, noise.rule) == (Colour.YELLOW, Rule.NOISE)


def drawing(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - noise is no secret


def looked(draw: random.Random, factor: float, runs: int) -> Sequence[Finding]:
    """Return what one look finds on a noisy machine: 8 % around, and one run in ten 1.5 to 3 ×."""

    def once(times: float) -> float:
        slow = draw.uniform(1.5, 3) if draw.random() < 0.1 else 1
        return times * draw.lognormvariate(0, 0.08) * slow

    old = [once(1.0) for _ in range(runs)]
    new = [once(factor) for _ in range(runs)]
    return found(walked(*timed(OLD, *old)), walked(*timed(OLD, *new)))


def verdict(draw: random.Random, factor: float, runs: int = 7) -> Colour:
    first = looked(draw, factor, runs)
    if suspicious(first):
        first = confirm(first, looked(draw, factor, runs))
    return Colour.RED if any(each.colour is Colour.RED for each in first) else Colour.GREEN


@pytest.mark.parametrize("seed", range(5))
def test_of_a_hundred_harmless_changes_none_is_red(seed: int) -> None:
    draw = drawing(seed)
    assert [verdict(draw, 1.0) for _ in range(100)].count(Colour.RED) == 0


@pytest.mark.parametrize("seed", range(5))
def test_of_a_hundred_that_take_half_as_long_again_95_are_red(seed: int) -> None:
    draw = drawing(seed)
    assert [verdict(draw, 1.5) for _ in range(100)].count(Colour.RED) >= 95


def test_what_is_pending_before_is_not_what_the_change_adds() -> None:
    pending = walked(*timed(OLD, 1.0))
    both = walked(*timed(OLD, 1.0), *timed(NEW, 1.0))
    cases = {
        name: Case(
            baseline=pending, change=change, budgets=Budgets(), adds=True, touched=frozenset({"x"})
        )
        for name, change in (("old", pending), ("both", both))
    }
    assert [each.rule for each in judge(cases["old"])] == [Rule.NOTHING_RAN]
    assert not judge(cases["both"])
