"""What a tree says of itself, and what of it is believed."""

from __future__ import annotations

import json
import time

import msgspec
import pytest

from ci.drivers import Migrator
from ci.heard import Heard
from ci.result import Failure, Rule
from ci.timing import Eta, Kind, Pace, Step

STEP = Step(version="5", name="add_age", kind=Kind.EXPAND)
MOVE = Step(version="ages", name="ages", kind=Kind.MOVE)


@pytest.fixture
def heard() -> Heard:
    return Heard(driver=Migrator())


def say(heard: Heard, event: str, **told: object) -> None:
    heard.line(json.dumps({"event": event, "at": time.monotonic(), **told}).encode())


def test_a_step_lasts_from_its_begin_to_its_end(heard: Heard) -> None:
    at = time.monotonic()
    time.sleep(0.001)
    say(heard, "started", version=5, at=at)
    say(heard, "finished", version=5, at=at + 0.0001, seconds=99)

    assert heard.span(STEP) == (at, at + 0.0001)


def test_moments_that_cannot_be_are_not_believed(heard: Heard) -> None:
    say(heard, "started", version=5, at=time.monotonic() + 1000)
    say(heard, "finished", version=5, at=-5, seconds=0)

    span = heard.span(STEP)
    assert span
    assert heard.begun <= span[0] <= span[1] <= time.monotonic()


def test_a_step_that_began_and_did_not_end_has_no_span(heard: Heard) -> None:
    say(heard, "started", version=5)

    assert (heard.began(STEP), heard.span(STEP)) == (True, None)


def test_statements_of_one_text_are_told_together(heard: Heard) -> None:
    for seconds in (0.1, 0.3):
        say(heard, "statement", sql="UPDATE t", seconds=seconds, failed=False)
    say(heard, "statement", sql="SELECT 1", seconds=0.2, failed=False)

    told = [(each.sql, each.calls, round(each.seconds, 6)) for each in heard.statements()]
    assert told == [("UPDATE t", 2, 0.4), ("SELECT 1", 1, 0.2)]


def test_the_pace_of_a_move_is_that_of_its_batches(heard: Heard) -> None:
    for _ in range(5):
        say(heard, "batch", transition="ages", found=100, completed=100, failed=0, seconds=0.5)
    pace = heard.pace(scale=1000)

    assert pace
    assert (pace.rows_per_second, pace.moved, pace.production_rows) == (200, 500, 500_000)
    assert pace.eta
    assert pace.eta.seconds == 2500


def test_production_has_the_rows_that_are_not_in_the_sample_as_well(heard: Heard) -> None:
    rest = Heard(driver=Migrator())
    say(heard, "batch", transition="ages", found=100, completed=100, failed=0, seconds=0.5)
    say(rest, "batch", transition="ages", found=900, completed=900, failed=0, seconds=9)
    pace = heard.pace(scale=10, rest=rest)

    assert pace
    assert (pace.moved, pace.production_rows) == (100, 10_000)
    rest.failure = Failure(rule=Rule.DEADLINE)
    unknown = heard.pace(scale=10, rest=rest)
    assert unknown
    assert (unknown.production_rows, unknown.eta) == (None, None)


def test_a_move_that_is_cut_at_its_deadline_is_a_sample(heard: Heard) -> None:
    say(heard, "started", transition="ages", table="people", movable=None)
    say(heard, "batch", transition="ages", found=100, completed=100, failed=0, seconds=0.5)
    heard.failure = Failure(rule=Rule.DEADLINE)

    assert heard.cut(MOVE)
    assert heard.span(MOVE)


def test_one_that_has_moved_nothing_is_late(heard: Heard) -> None:
    say(heard, "started", transition="ages", table="people", movable=None)
    heard.failure = Failure(rule=Rule.DEADLINE)

    assert not heard.cut(MOVE)


def test_a_single_batch_is_a_pace_that_a_document_can_hold(heard: Heard) -> None:
    say(heard, "batch", transition="ages", found=9, completed=9, failed=0, seconds=0.5)
    pace = heard.pace(scale=1000)

    assert pace
    assert (pace.rows_per_second, pace.high) == (18, None)
    assert pace.eta == Eta(seconds=500, best=None, worst=None)
    assert msgspec.json.decode(msgspec.json.encode(pace), type=Pace) == pace


def test_a_pace_that_cannot_be_is_none(heard: Heard) -> None:
    for seconds in (1e-320, -1, 1e300):
        say(heard, "batch", transition="ages", found=9, completed=9, failed=0, seconds=seconds)

    assert heard.pace(scale=1) is None


def test_a_module_that_is_missing_says_what_to_do(heard: Heard) -> None:
    say(heard, "error", error="ModuleNotFoundError", exit_code=2)

    assert heard.failure is not None
    assert "requirements or extras" in heard.failure.said
