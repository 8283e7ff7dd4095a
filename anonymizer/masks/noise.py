"""Replace numbers by others near them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.cells import Cells, groups
from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.base import Distinct
from anonymizer.masks.numbers import whole, write
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import Runs, compact, gathered
from anonymizer.prf import Prf, subkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_DIGITS = 18
"""Of numbers that are handled all at once: sums and differences fit 64 bits with a sign."""
_POWERS = 10 ** np.arange(_DIGITS + 1, dtype=np.int64)
_MOST_ZEROS = 2
"""Digits that a number of 64 bits may have beyond them."""
_TEN = 10
_SIGN, _POINT, _ZERO = b"-.0"
_ODD = re.compile(rb"( *\+?)((?<!\+)-|)(?=\.?\d)0*(\d*)(\.\d*)?([eE][+-]?\d{1,4})?( *)")
_NONE = re.compile(rb"(?:[+-]?(?:nan|inf|infinity))?", re.IGNORECASE)
_KINDS = (Kind.NUMBER, Kind.INTEGER, Kind.TEXT)
_HINT = "use mask.constant() or another mask for this column, or mend the value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Alone):
    """Change numbers by up to *share* of them, within *low* and *high*; equal ones alike.

    Sign and decimals stay, and zero, NaN and infinity do. All others change, by one unit of
    the last decimal at the least; none gets more digits.
    """

    name: ClassVar[str] = "noise"

    share: float = 0.1
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share is {self.share}, expected more than 0 and less than 1")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be less than high")

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: its values are no numbers."""
        if column.kind in _KINDS:
            return None
        return f"values of {column.kind.value} are no numbers"

    @override
    def distinct(self, column: Column) -> Distinct:
        """Return that several numbers may become one."""
        del column
        return Distinct.LOST

    @override
    def function(self, setting: Setting) -> Function:
        """Return what changes the numbers of one column."""
        prf = Prf(subkey(setting.key, "noise"))
        column = setting.column
        bits = (column.bits or 64) if column.kind is Kind.INTEGER else None
        limits = _Limits(share=self.share, low=self.low, high=self.high, bits=bits)

        def replace(values: Cells) -> Cells:
            words = prf.words(values)[:, 0] >> np.uint64(1)
            return _changed(compact(values), words.astype(np.int64), limits)

        return replace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How much numbers may change."""

    share: float
    low: float | None
    high: float | None
    bits: int | None
    """Size of a whole number."""

    def units(self, decimals: int) -> tuple[int, int]:
        """Return the least and the greatest number in units of the last of *decimals*."""
        far = 10**_DIGITS
        least = -far if self.low is None else _units(self.low, decimals, ROUND_CEILING)
        most = far if self.high is None else _units(self.high, decimals, ROUND_FLOOR)
        return max(least, -far), min(most, far)

    def sizes(self, size: NDArray[np.int64], decimals: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return up to which size each number may grow: to one of as many digits."""
        most: NDArray[np.int64] = _POWERS[np.searchsorted(_POWERS, size, side="right")] - 1
        if self.bits is None:
            return most
        zeros = np.clip(-decimals, 0, _MOST_ZEROS)
        signed, unsigned = self._fits(self.bits - 1)[zeros], self._fits(self.bits)[zeros]
        return np.minimum(most, np.where(size > signed, unsigned, signed))

    def _fits(self, bits: int) -> NDArray[np.int64]:
        """Return the greatest number of *bits* bits, less so many digits at its end."""
        most = [((1 << bits) - 1) // 10**zeros for zeros in range(_MOST_ZEROS + 1)]
        return np.array([min(each, 10**_DIGITS) for each in most])


def _units(bound: float, decimals: int, rounding: str) -> int:
    far = Decimal(10**_DIGITS)
    exact = Decimal(repr(bound)).scaleb(decimals)
    return int(min(max(exact, -far), far).to_integral_value(rounding))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Figures:
    """Numbers by their digits, without the point: size × 10^-decimals."""

    size: NDArray[np.int64]
    negative: NDArray[np.bool_]
    decimals: NDArray[np.int64]
    plain: NDArray[np.bool_]
    """Whether it is written the one plain way; where not, the rest means nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What is around the digits of a number that is not written plainly."""

    place: int
    before: bytes
    after: bytes
    decimals: int
    """Digits after the point."""
    zeros: int
    """Digits at the end that had no room."""

    def text(self, size: int, *, negative: bool) -> bytes:
        """Return how the number *size* is written in the place of this one."""
        digits = b"%0*d" % (self.decimals + 1, size * 10**self.zeros)
        if self.decimals:
            digits = digits[: -self.decimals] + b"." + digits[-self.decimals :]
        return self.before + (b"-" if negative else b"") + digits + self.after


def _changed(text: Cells, words: NDArray[np.int64], limits: _Limits) -> Cells:
    """Return what the numbers of *text* become, by *words* that are random."""
    figures = _figures(text)
    odd = list(_odd(text, figures))
    size, negative = _moved(figures, words, limits)
    parts = []
    for decimals, which in groups(np.where(figures.plain, figures.decimals, -1)):
        if decimals >= 0:
            parts.append((which, write(size[which].astype(np.uint64), negative[which], decimals)))
    texts = [each.text(int(size[each.place]), negative=bool(negative[each.place])) for each in odd]
    parts.append((np.array([each.place for each in odd], np.int64), Cells.of(texts)))
    return gathered(text, parts)


def _figures(text: Cells) -> _Figures:
    """Return the digits of what *text* writes plainly: '12', '-0.50'."""
    points = Runs.of(text, text.data == _POINT)
    pointed = points.counts == 1
    point = text.ends.copy()
    point[pointed] = points.places[points.firsts[pointed]]
    negative = text.heads(1)[:, 0] == _SIGN
    decimals = np.where(pointed, text.ends - point - 1, 0)
    before = point - text.starts - negative
    digits = before + decimals
    starts = text.starts - points.firsts + negative
    bare = Cells(data=np.delete(text.data, points.places), starts=starts, ends=starts + digits)
    numbers = bare.heads(int(digits[digits <= _DIGITS].max(initial=1))) - np.uint8(_ZERO)
    plain = ((numbers < _TEN).sum(axis=1) == digits) & (before > 0)
    plain &= (points.counts == 0) | (pointed & (decimals > 0))
    plain &= (numbers[:, 0] != 0) | (before == 1)
    return _Figures(
        size=whole(numbers, digits).astype(np.int64),
        negative=negative,
        decimals=decimals,
        plain=plain,
    )


def _odd(text: Cells, figures: _Figures) -> Iterator[_Written]:
    """Yield how numbers are written that are not written plainly; put them into *figures*.

    Raises LeakError for a value that is no number.
    """
    places = np.flatnonzero(~figures.plain)
    bad = np.zeros(len(text), bool)
    for place, value in zip(places.tolist(), text.take(places).to_list(), strict=True):
        figures.size[place] = figures.decimals[place] = 0
        if _NONE.fullmatch(value):
            continue
        match = _ODD.fullmatch(value)
        bad[place] = match is None
        if match:
            yield _taken(match, place, figures)
    refuse(bad, "numbers", hint=_HINT)


def _taken(match: re.Match[bytes], place: int, figures: _Figures) -> _Written:
    """Put the number of *match* into *figures*, and return how it is written."""
    before, sign, whole_part, fraction, exponent, after = match.groups(b"")
    fraction = fraction[1:]
    digits = (whole_part + fraction).lstrip(b"0")
    zeros = max(len(digits) - _DIGITS, 0)
    figures.size[place] = int(digits[:_DIGITS] or b"0")
    figures.negative[place] = bool(sign)
    figures.decimals[place] = len(fraction) - zeros - int(exponent[1:] or b"0")
    return _Written(
        place=place,
        before=before,
        after=exponent + after,
        decimals=len(fraction),
        zeros=zeros,
    )


def _moved(
    figures: _Figures, words: NDArray[np.int64], limits: _Limits
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return sizes and signs of changed numbers."""
    size = figures.size
    signed = np.where(figures.negative, -size, size)
    least, most = np.empty_like(size), np.empty_like(size)
    for decimals, which in groups(figures.decimals):
        least[which], most[which] = limits.units(decimals)
    far = np.maximum((size * limits.share).astype(np.int64), 1)
    far = np.maximum(np.minimum(far, most - least), 1)
    drawn = words % (2 * far)
    change = np.where(drawn < far, drawn - far, drawn - far + 1)
    top = limits.sizes(size, figures.decimals)
    bad = _outside(signed, change, top, least, most)
    new = signed + np.where(bad, -change, change)
    new = np.clip(new, least, most)
    new[size == 0] = 0
    return np.abs(new), np.where(size == 0, figures.negative, new < 0)


def _outside(
    signed: NDArray[np.int64],
    change: NDArray[np.int64],
    top: NDArray[np.int64],
    least: NDArray[np.int64],
    most: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return which *change* leads to another sign, too many digits, or out of the bounds."""
    new = signed + change
    outside = (new == 0) | ((new < 0) != (signed < 0)) | (np.abs(new) > top)
    found: NDArray[np.bool_] = outside | (new < least) | (new > most)
    return found
