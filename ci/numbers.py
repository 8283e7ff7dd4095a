"""Numbers: what a few noisy measurements say. Pure.

Medians and MAD because one slow run of five must not matter (Hampel, 1974; Chen and others,
Performance Regression Testing, 2017).
"""

from __future__ import annotations

from math import ceil, floor, log10, pi, sqrt
from statistics import NormalDist, median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

NORMAL = 1.4826
"""MAD × this estimates the standard deviation of what is normally distributed."""
CONFIDENCE = 0.95
DIGITS = 3
"""As many as people read."""

Number = TypeVar("Number", int, float)


def mad(values: Sequence[float]) -> float:
    """Return the median absolute deviation of *values* from their median, unscaled."""
    middle = median(values)
    return median(abs(each - middle) for each in values)


def spread(values: Sequence[float]) -> float:
    """Return a robust standard deviation of *values*."""
    return NORMAL * mad(values)


def doubt(*samples: Sequence[float]) -> float:
    """Return the standard error of the difference between the medians of *samples*.

    Each is known by its MAD; a median is less sure than a mean, by √(π/2).
    """
    return sqrt(sum(pi / 2 * spread(each) ** 2 / len(each) for each in samples))


def least_samples(share: float) -> int:
    """Return how many values it takes for the quantile at *share* to be one of them.

    With fewer the quantile is their largest, which says nothing of it.
    """
    if not 0 <= share < 1:
        raise ValueError(f"a quantile at {share}, expected one from 0 up to 1")
    return ceil(1 / (1 - share) - 1e-9)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of *values* below or at which *share* of them lie: the nearest rank.

    Raises ValueError for fewer than `least_samples`.
    """
    least = least_samples(share)
    if len(values) < least:
        raise ValueError(f"{len(values)} values, expected at least {least} for {share:.0%}")
    return sorted(values)[max(1, ceil(share * len(values) - 1e-9)) - 1]


def rate(amounts: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return amount per second over all, and the interval that holds it with 95 % confidence.

    It is a ratio of sums, with the variance of the jackknife over its parts; one part has
    no interval: it may be anything from 0 on.
    """
    total, time = sum(amounts), sum(seconds)
    found = total / time
    count = len(amounts)
    if count < 2:  # noqa: PLR2004 - two make an interval
        return found, 0.0, float("inf")
    without = [
        (total - amount) / max(time - second, 1e-9)
        for amount, second in zip(amounts, seconds, strict=True)
    ]
    mean = sum(without) / count
    variance = (count - 1) / count * sum((each - mean) ** 2 for each in without)
    half = student(count - 1) * sqrt(variance)
    return found, max(0.0, found - half), found + half


def student(freedom: int) -> float:
    """Return Student's t at 97.5 % for *freedom* degrees, by Cornish and Fisher's expansion.

    Within 1 % from 3 degrees on; 1 and 2 have formulas of their own.
    """
    if freedom == 1:
        return 12.706
    if freedom == 2:  # noqa: PLR2004
        return 4.303
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    n = freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def rounded(value: Number) -> Number:
    """Return *value* with its first three digits."""
    return type(value)(float(f"{value:.{DIGITS}g}"))


def rounded_up(value: float) -> float:
    """Return the next number of three digits that is not below *value*, which is not below 0."""
    step = 10.0 ** max(0, floor(log10(value)) + 1 - DIGITS) if value else 1.0
    return ceil(value / step) * step
