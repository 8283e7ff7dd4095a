"""Texts with quoted strings in them: where those are, and how parts are put in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from anonymizer.cells import Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places

QUOTE, BACKSLASH = b'"\\'


def quotes(text: Bytes) -> Places:
    """Return the places of the quotes in *text* that no backslash escapes."""
    at = np.flatnonzero(text == QUOTE)
    escaped = np.zeros(len(at), bool)
    left = np.arange(len(at))
    before = at - 1
    while len(left):
        going = before >= 0
        going[going] = text[before[going]] == BACKSLASH
        left, before = left[going], before[going] - 1
        escaped[left] ^= True
    return at[~escaped]


def within(size: int, quoted: Places) -> NDArray[np.bool_]:
    """Return which of *size* bytes stand in a string, or are its first quote."""
    flags = np.zeros(size, np.uint8)
    flags[quoted] = 1
    return np.bitwise_xor.accumulate(flags).view(bool)


def spliced(values: Cells, starts: Places, ends: Places, new: Cells) -> Cells:
    """Return *values*, which are compact, with *new* in the places of the parts of them.

    Parts are in order and do not overlap.
    """
    if not len(starts):
        return values
    count = len(starts)
    bounds = np.empty(2 * count + 2, np.int64)
    bounds[0], bounds[-1] = 0, values.data.size
    bounds[1:-1:2], bounds[2:-1:2] = starts, ends
    old = Cells(data=values.data, starts=bounds[:-1], ends=bounds[1:]).to_arrow()
    order = np.arange(2 * count + 1)
    order[1::2] = np.arange(2 * count + 1, 3 * count + 1)
    joined = pa.concat_arrays([old, new.to_arrow()]).take(pa.array(order))
    grown = np.zeros(count + 1, np.int64)
    np.cumsum(new.lengths - (ends - starts), out=grown[1:])
    flat = Cells.of_arrow(joined)
    return Cells(
        data=flat.data,
        starts=flat.starts[0] + values.starts + grown[np.searchsorted(starts, values.starts)],
        ends=flat.starts[0] + values.ends + grown[np.searchsorted(starts, values.ends)],
    )
