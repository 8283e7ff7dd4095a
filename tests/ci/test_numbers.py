from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.numbers import least_samples, mad, quantile, rate, rounded_up, spread, student

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


def drawing(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - noise is no secret


def test_mad_is_the_median_distance_from_the_median() -> None:
    assert mad([1, 1, 2, 2, 4, 6, 9]) == 1


@given(VALUES)
def test_one_value_of_many_moves_neither(values: list[float]) -> None:
    same = [5.0] * (len(values) + 2)
    assert spread([*same, *values]) == 0


def test_spread_estimates_the_standard_deviation() -> None:
    draw = drawing(1)
    assert spread([draw.gauss(10, 2) for _ in range(20_000)]) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("share", "least"), [(0.5, 2), (0.9, 10), (0.95, 20), (0.99, 100)])
def test_a_quantile_needs_its_samples(share: float, least: int) -> None:
    assert least_samples(share) == least
    with pytest.raises(ValueError, match=f"expected at least {least}"):
        quantile(range(least - 1), share)


def test_the_99th_of_a_hundred_is_not_the_smallest() -> None:
    """Turbo Hipster took the first of a sorted list below a hundred samples."""
    assert quantile(range(1, 101), 0.99) == 99
    assert quantile(range(1, 21), 0.95) == 19


@given(st.lists(st.floats(0, 1e6), min_size=20, max_size=200))
def test_at_least_its_share_is_below_a_quantile(values: list[float]) -> None:
    found = quantile(values, 0.95)
    assert found in values
    assert sum(each <= found for each in values) >= 0.95 * len(values) - 1e-6


def test_student_is_the_table() -> None:
    table = {3: 3.182, 4: 2.776, 5: 2.571, 10: 2.228, 30: 2.042, 1000: 1.962}
    for freedom, expected in table.items():
        assert student(freedom) == pytest.approx(expected, rel=0.01)


def test_the_interval_of_a_rate_holds_the_truth_as_often_as_it_says() -> None:
    draw, held = drawing(2), 0
    for _ in range(500):
        seconds = [draw.lognormvariate(0, 0.3) for _ in range(12)]
        rows = [1000 * draw.lognormvariate(0, 0.1) for _ in range(12)]
        true = 1000 * math.exp((0.1**2 - 0.3**2) / 2)
        _found, low, high = rate(rows, seconds)
        held += low <= true <= high
    assert 0.90 <= held / 500 <= 0.99


def test_one_batch_has_no_interval() -> None:
    assert rate([100], [2]) == (50, 0, float("inf"))


def test_what_is_said_of_a_count_is_never_below_it() -> None:
    counts = (0, 1, 999, 1000, 10_001, 90_817_263)
    assert [rounded_up(each) for each in counts] == [0, 1, 999, 1000, 10_100, 90_900_000]
