"""Replace dates and moments: all of one subject are shifted alike, so order and spans stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.masks.base import Distinct
from anonymizer.masks.calendar import DAY, MOST, layout_of, layouts
from anonymizer.masks.numbers import parse, write
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import compact
from anonymizer.prf import Prf, subkey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting
    from anonymizer.masks.calendar import Layout

_KINDS = (Kind.DATE, Kind.DATETIME, Kind.TEXT, Kind.INTEGER)
_MOST_DAYS = 36_525
_NEVER = (b"", b"infinity", b"-infinity")
_NONE = np.array([[*b"0000-00-00"], [*b"0001-01-01"], [*b"9999-12-31"]], np.uint8)
"""Dates that say that there is none, with a time of day or without; they stay."""
_UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3), (0, 1))
"""From which size on a number of an epoch counts so many to the second."""
_HINT = "use mask.constant() or another mask for this column, or mend the value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Date:
    """Shift dates by up to *days*, as the value of column *subject* says, or all of them alike.

    Time of day, fraction and zone stay. 'infinity', 0000-00-00, 0001-01-01, 9999-12-31 and the
    number 0 say that there is none, and stay. Numbers are seconds since 1970, or from 10¹¹ on
    thousandths, from 10¹⁴ on millionths, from 10¹⁷ on billionths.
    """

    name: ClassVar[str] = "date"
    clock: ClassVar[bool] = False
    """Whether the time of day is shifted too."""

    days: int = 365
    subject: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.days <= _MOST_DAYS:
            raise ValueError(f"days is {self.days}, expected 1 to {_MOST_DAYS}")

    @property
    def needs(self) -> tuple[str, ...]:
        """The column that says whose date it is."""
        return () if self.subject is None else (self.subject,)

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: its values are no dates."""
        if column.kind not in _KINDS:
            return f"values of {column.kind.value} are no dates"
        if self.clock and column.kind is Kind.DATE:
            return "a date has no time of day: use mask.date()"
        return None

    def distinct(self, column: Column) -> Distinct:
        """Return that distinct dates stay so where all are shifted alike."""
        if self.subject is None and column.kind is not Kind.INTEGER:
            return Distinct.KEPT
        return Distinct.LOST

    def bind(self, setting: Setting) -> Replace:
        """Return what shifts the dates of one column."""
        prf = Prf(subkey(setting.key, "date"))
        numbers = setting.column.kind is Kind.INTEGER

        def replace(values: Cells, others: Mapping[str, Cells]) -> Cells:
            shifts = self._seconds(prf, others, len(values))
            return _numbers(values, shifts) if numbers else _texts(values, shifts, clock=self.clock)

        return replace

    def _seconds(self, prf: Prf, others: Mapping[str, Cells], count: int) -> NDArray[np.int64]:
        """Return by how many seconds *count* dates are shifted: a day at the least.

        The days are those of `Date`, so that dates and moments of one subject stay together.
        """
        if self.subject is None:
            return np.repeat(self._drawn(prf.words(Cells.of([b""]))), count)
        return self._drawn(prf.words(others[self.subject]))

    def _drawn(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        days = (words[:, 0] >> np.uint64(1)) % np.uint64(self.days)
        seconds = (days.astype(np.int64) + 1) * DAY
        if self.clock:
            seconds += (words[:, 1] % np.uint64(DAY)).astype(np.int64)
        return np.where(words[:, 0] & np.uint64(1), -seconds, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateTime(Date):
    """Shift moments by up to *days* and part of one, in whole seconds; else as `Date` does."""

    name: ClassVar[str] = "date_time"
    clock: ClassVar[bool] = True


def _texts(values: Cells, shifts: NDArray[np.int64], *, clock: bool) -> Cells:
    text = compact(values)
    long = text.lengths > MOST
    refuse(long, "dates as ISO 8601 writes them", hint=_HINT)
    bad, far = np.zeros(len(text), bool), np.zeros(len(text), bool)
    for pattern, which, matrix in layouts(text):
        if pattern in _NEVER:
            continue
        layout = layout_of(pattern)
        if layout is None or (clock and not layout.has_clock):
            bad[which] = True
            break
        said = _says_none(matrix)
        which, matrix = which[~said], matrix[~said]
        bad[which], far[which] = _shift(layout, matrix, shifts[which])
        text.take(which).overwrite(matrix)
    kind = "moments" if clock else "dates"
    refuse(bad, f"{kind} as ISO 8601 writes them", hint=_HINT)
    refuse(far, f"{kind} farther from the first and the last year", hint=_HINT)
    return text


def _says_none(matrix: Bytes) -> NDArray[np.bool_]:
    """Return which rows of *matrix* begin with a date that says that there is none."""
    found = np.zeros(len(matrix), bool)
    for each in _NONE:
        near = (matrix[:, 0] == each[0]) & (matrix[:, 3] == each[3])
        if near.any():
            found |= near & (matrix[:, : len(each)] == each).all(axis=1)
    return found


def _shift(
    layout: Layout, text: Bytes, shifts: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Shift the dates of *text*; return which are none, and which have no room after it."""
    days, seconds, right = layout.read(text)
    moments = days * DAY + seconds + shifts
    days = moments // DAY
    fits = layout.write(text, days, moments - days * DAY)
    return ~right, ~fits | _says_none(text)


def _numbers(values: Cells, shifts: NDArray[np.int64]) -> Cells:
    """Shift seconds, or parts of them, since 1970."""
    empty = values.lengths == 0
    numbers = parse(values)
    most = np.uint64((1 << 63) - 1)
    refuse(~empty & (~numbers.valid | (numbers.size > most)), "numbers of an epoch", hint=_HINT)
    size = numbers.size.astype(np.int64)
    unit = np.select([size >= least for least, _ in _UNITS], [each for _, each in _UNITS])
    moved = np.where(numbers.negative, -size, size) + shifts * unit
    moved[size == 0] = 0
    return _written(moved, empty)


def _written(moved: NDArray[np.int64], empty: NDArray[np.bool_]) -> Cells:
    found = write(np.abs(moved).astype(np.uint64), moved < 0)
    return Cells(
        data=found.data, starts=found.starts, ends=np.where(empty, found.starts, found.ends)
    )
