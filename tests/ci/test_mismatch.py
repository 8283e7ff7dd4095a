"""What a tool says that a step took, beside what the server says that it worked for it."""

from __future__ import annotations

import pytest

from ci.result import Rule
from ci.timing import Observation, Statement, Timing
from ci.walk import _mismatch
from tests.ci.results import OLD


def said(*, took: float, worked: float, spent: float) -> bool:
    seen = Observation(statements=(Statement(sql="UPDATE people", seconds=worked),))
    found = _mismatch(Timing(step=OLD, seconds=took, observation=seen), seen, spent)
    return found is not None and found.rule is Rule.MISMATCH


@pytest.mark.parametrize(
    ("took", "worked", "spent"),
    [(1.0, 1.3, 1.4), (0.1, 0.3, 1.0), (0.1, 0.8, 6.0), (100.0, 109.0, 101.0)],
    ids=["as it says", "what it looks up", "on a busy machine", "clocks"],
)
def test_what_a_tool_looks_up_beside_a_step_is_no_lie(
    took: float, worked: float, spent: float
) -> None:
    assert not said(took=took, worked=worked, spent=spent)


@pytest.mark.parametrize("spent", [1.0, 3.0, 3600.0])
def test_what_is_worked_before_a_step_is_said_to_begin_is_one(spent: float) -> None:
    assert said(took=0.01, worked=min(0.9 * spent, 2.0), spent=spent)
