"""Dates as text writes them, read and written many at a time.

Values are taken by layout, their text with each digit as 0: a block of a dump has a few.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Cells, Places

DAY = 86_400
"""Seconds."""
MOST = 48
"""Bytes of the longest text that is looked at as a date."""
_ZERO, _TEN = ord("0"), 10
_FEBRUARY = 2
_LAYOUT = re.compile(
    rb"(?P<year>0{4,7})-(?P<month>00)-(?P<day>00)"
    rb"(?P<clock>[T ](?P<hour>00):(?P<minute>00)(?::(?P<second>00)(?:[.,]0{1,9})?)?"
    rb"(?: ?Z| ?[+-]00(?::?00(?::?00)?)?| UTC)?)?"
    rb"(?P<before> BC)?"
)
_DAYS_BEFORE = 719_468
"""Days from 0000-03-01 to 1970-01-01."""
_DAYS_400 = 146_097
_LENGTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the parts of a date stand in a text."""

    year: slice
    month: slice
    day: slice
    clock: tuple[slice, ...]
    """Hour, minute, second, as many as there are."""
    before: bool
    """Whether the years are counted before Christ."""

    @property
    def has_clock(self) -> bool:
        """Return whether there is a time of day."""
        return bool(self.clock)

    def read(self, text: Bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return days since 1970-01-01, seconds of the day, and which of *text* are such."""
        year, month, day = (_number(text, part) for part in (self.year, self.month, self.day))
        right = year > 0
        if self.before:
            year = 1 - year
        right &= (month >= 1) & (month <= len(_LENGTHS)) & (day >= 1)
        right &= day <= _days_in(year, np.clip(month, 1, len(_LENGTHS)))
        seconds = np.zeros(len(text), np.int64)
        for part, limit, each in zip(self.clock, (24, 60, 60), (3600, 60, 1), strict=False):
            number = _number(text, part)
            right &= number < limit
            seconds += number * each
        return days_of(year, month, day), seconds, right

    def write(
        self, text: Bytes, days: NDArray[np.int64], seconds: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Write moments into *text*; return which of them the layout has room for."""
        year, month, day = date_of(days)
        if self.before:
            year = 1 - year
        fits: NDArray[np.bool_] = (year > 0) & (year < 10 ** (self.year.stop - self.year.start))
        for part, number in ((self.year, year), (self.month, month), (self.day, day)):
            _put(text, part, number)
        clock = (seconds // 3600, seconds // 60 % 60, seconds % 60)
        for part, number in zip(self.clock, clock, strict=False):
            _put(text, part, number)
        return fits


@cache
def layout_of(pattern: bytes) -> Layout | None:
    """Return the layout that *pattern*, with each digit as 0, is; None when it is no date."""
    match = _LAYOUT.fullmatch(pattern)
    if match is None:
        return None
    names = [name for name in ("hour", "minute", "second") if match[name]]
    return Layout(
        year=slice(*match.span("year")),
        month=slice(*match.span("month")),
        day=slice(*match.span("day")),
        clock=tuple(slice(*match.span(name)) for name in names),
        before=match["before"] is not None,
    )


def layouts(values: Cells) -> Iterator[tuple[bytes, Places, Bytes]]:
    """Yield each layout of *values*, of up to MOST bytes, which they are, and their text."""
    for length, some in groups(values.lengths):
        which = np.arange(len(values))[some]
        text = values.take(which).heads(length)
        shape = np.where(text - np.uint8(_ZERO) < _TEN, np.uint8(_ZERO), text)
        while len(which):
            same = (shape == shape[0]).all(axis=1)
            if same.all():
                yield shape[0].tobytes(), which, text
                break
            yield shape[0].tobytes(), which[same], text[same]
            which, text, shape = which[~same], text[~same], shape[~same]


def days_of(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return days since 1970-01-01 of Gregorian dates, before year 1 as well.

    The year begins in March, so that the leap day is its last (Hinnant, chrono-compatible
    low-level date algorithms).
    """
    year = year - (month <= _FEBRUARY)
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days: NDArray[np.int64] = of_era * 365 + of_era // 4 - of_era // 100 + of_year
    return days + era * _DAYS_400 - _DAYS_BEFORE


def date_of(
    days: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return year, month and day of days since 1970-01-01."""
    days = days + _DAYS_BEFORE
    era = days // _DAYS_400
    of_era = days - era * _DAYS_400
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    since_march = (5 * of_year + 2) // 153
    day = of_year - (153 * since_march + 2) // 5 + 1
    month = (since_march + 2) % 12 + 1
    return year + era * 400 + (month <= _FEBRUARY), month, day


def _days_in(year: NDArray[np.int64], month: NDArray[np.int64]) -> NDArray[np.int64]:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days: NDArray[np.int64] = _LENGTHS[month - 1] + (leap & (month == _FEBRUARY))
    return days


def _number(text: Bytes, part: slice) -> NDArray[np.int64]:
    number = np.zeros(len(text), np.int64)
    for at in range(part.start, part.stop):
        number = number * 10 + (text[:, at] - np.uint8(_ZERO))
    return number


def _put(text: Bytes, part: slice, number: NDArray[np.int64]) -> None:
    for at in range(part.stop - 1, part.start - 1, -1):
        rest = number // 10
        text[:, at] = number - rest * 10 + _ZERO
        number = rest
