"""Whole numbers between decimal text and 64 bits, a digit of all of them at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anonymizer.cells import Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 20
"""Digits of the greatest number of 64 bits."""
_POWERS = np.array([10**power for power in range(1, MOST)], np.uint64)
_TEN = np.uint64(10)
_ZERO, _MINUS, _POINT = b"0-."


class Numbers(NamedTuple):
    """Signs and sizes; where *valid* is false the other two mean nothing."""

    negative: NDArray[np.bool_]
    size: NDArray[np.uint64]
    valid: NDArray[np.bool_]


def parse(values: Cells) -> Numbers:
    """Return the numbers that *values* write the one plain way: '0', '17', '-4'."""
    negative = values.heads(1)[:, 0] == _MINUS
    digits = Cells(data=values.data, starts=values.starts + negative, ends=values.ends)
    lengths = digits.lengths
    width = min(int(lengths.max(initial=0)), MOST)
    figures = digits.heads(width) - np.uint8(_ZERO)
    size = whole(figures, lengths)
    valid = (lengths > 0) & (lengths <= MOST) & ((figures < _TEN).sum(axis=1) == lengths)
    if width:
        valid &= (figures[:, 0] != 0) | ((lengths == 1) & ~negative)
    if width == MOST:
        fits = (figures[:, 0] == 1) & (size >= _POWERS[-1])
        valid &= (lengths < MOST) | fits
    return Numbers(negative, size, valid)


def whole(figures: NDArray[np.uint8], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the numbers whose first *lengths* decimal digits are the rows of *figures*."""
    size = np.zeros(len(figures), np.uint64)
    shortest = int(lengths.min(initial=MOST))
    for at in range(figures.shape[1]):
        longer = size * _TEN + figures[:, at]
        size = longer if at < shortest else np.where(at < lengths, longer, size)
    return size


def write(
    size: NDArray[np.uint64], negative: NDArray[np.bool_] | None = None, decimals: int = 0
) -> Cells:
    """Return the plain text of numbers, of which so many digits are *decimals*."""
    before = np.maximum(np.searchsorted(_POWERS, size, side="right") + 1 - decimals, 1)
    most = int(before.max(initial=1))
    width = 1 + most + bool(decimals) + decimals
    matrix = np.empty((len(size), width), np.uint8)
    if decimals:
        size, fraction = np.divmod(size, np.uint64(10**decimals))
        matrix[:, most + 1] = _POINT
        fill(matrix[:, most + 2 :], fraction)
    fill(matrix[:, 1 : most + 1], size)
    rows = np.arange(len(size), dtype=np.int64) * width
    starts = rows + (1 + most) - before
    if negative is not None:
        at = np.flatnonzero(negative)
        starts[at] -= 1
        matrix.reshape(-1)[starts[at]] = _MINUS
    return Cells(data=matrix.reshape(-1), starts=starts, ends=rows + width)


def fill(matrix: NDArray[np.uint8], size: NDArray[np.uint64]) -> None:
    """Write *size* into the rows of *matrix*, with zeros before it."""
    for at in range(matrix.shape[1] - 1, -1, -1):
        rest = size // _TEN
        matrix[:, at] = size - rest * _TEN + np.uint64(_ZERO)
        size = rest
