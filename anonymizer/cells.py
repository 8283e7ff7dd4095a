"""Cells: the values of one column in one block of rows, as bytes in one buffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"
Places: TypeAlias = "NDArray[np.int64]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Values by their place in a buffer: value i is data[starts[i]:ends[i]]."""

    data: Bytes
    starts: Places
    ends: Places

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(cls, values: Iterable[bytes]) -> Cells:
        """Return *values* one after the other in a buffer of their own."""
        listed = list(values)
        bounds = np.zeros(len(listed) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, listed), np.int64, len(listed)), out=bounds[1:])
        data = np.frombuffer(b"".join(listed), np.uint8)
        return cls(data=data, starts=bounds[:-1], ends=bounds[1:])

    @classmethod
    def of_matrix(cls, matrix: Bytes, lengths: Places | None = None) -> Cells:
        """Return the rows of *matrix*, shape (values, width), or the first *lengths* of each."""
        count, width = matrix.shape
        starts = np.arange(count, dtype=np.int64) * width
        ends = starts + (width if lengths is None else lengths)
        return cls(data=np.ascontiguousarray(matrix).reshape(-1), starts=starts, ends=ends)

    @classmethod
    def of_arrow(cls, array: pa.LargeBinaryArray) -> Cells:
        """Return the values of *array*, which has no nulls, without a copy."""
        _, offsets, data = array.buffers()
        bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        held = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        return cls(data=held, starts=bounds[:-1], ends=bounds[1:])

    @property
    def lengths(self) -> Places:
        """The length of each value, in bytes."""
        return self.ends - self.starts

    def take(self, which: NDArray[np.generic]) -> Cells:
        """Return the values that *which*, numbers or a mask of booleans, chooses."""
        return Cells(data=self.data, starts=self.starts[which], ends=self.ends[which])

    def replaced(self, which: Places, values: list[bytes]) -> Cells:
        """Return these values with *values* in the places *which*."""
        added = Cells.of(values)
        starts, ends = self.starts.copy(), self.ends.copy()
        starts[which] = added.starts + self.data.size
        ends[which] = added.ends + self.data.size
        return Cells(data=np.concatenate([self.data, added.data]), starts=starts, ends=ends)

    def containing(self, *bytes_: int) -> Places:
        """Return the places of the values that hold one of *bytes_*."""
        found = self.data == bytes_[0]
        for each in bytes_[1:]:
            found |= self.data == each
        at = np.flatnonzero(found)
        if not len(at):
            return at
        return np.flatnonzero(np.searchsorted(at, self.ends) > np.searchsorted(at, self.starts))

    def to_list(self) -> list[bytes]:
        """Return each value as bytes: for what cannot be done to all at once."""
        held = self.data.tobytes() if self.data.size < 4 * self.lengths.sum() else self.data
        if isinstance(held, bytes):
            return [
                held[a:b] for a, b in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
            ]
        return [
            held[a:b].tobytes()
            for a, b in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        ]

    def to_arrow(self) -> pa.LargeBinaryArray:
        """Return the values as an array; their bytes are copied only where they must be."""
        if not len(self):
            return pa.array([], pa.large_binary())
        if _is_ordered(self.starts, self.ends):
            return _ordered(self)
        order = np.argsort(self.starts, kind="stable")
        sorted_ = self.take(order)
        if not _is_ordered(sorted_.starts, sorted_.ends):
            return self._gathered()
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return _ordered(sorted_).take(pa.array(rank))

    def _gathered(self) -> pa.LargeBinaryArray:
        """Return copies of the values: for places that overlap."""
        # Each second element is taken; what lies between them makes no sense, and is not looked at.
        bounds = np.zeros(2 * len(self) + 2, np.int64)
        bounds[1:-1:2], bounds[2:-1:2], bounds[-1] = self.starts, self.ends, self.data.size
        return _array(self.data, bounds).take(pa.array(np.arange(1, len(bounds) - 1, 2)))

    def heads(self, width: int) -> Bytes:
        """Return the first *width* bytes of each value, padded with zeros: (values, width)."""
        if not len(self):
            return np.zeros((0, width), np.uint8)
        data = self.data
        if int(self.starts.max()) + width > data.size:
            data = np.concatenate([data, np.zeros(width, np.uint8)])
        windows = np.lib.stride_tricks.sliding_window_view(data, width)
        found = windows[self.starts]
        found *= np.arange(width) < self.lengths[:, None]
        return found


def _is_ordered(starts: Places, ends: Places) -> bool:
    """Return whether each value lies behind the one before it."""
    return bool((starts[1:] >= ends[:-1]).all())


def _ordered(cells: Cells) -> pa.LargeBinaryArray:
    """Return values that lie one behind the other, without a copy where nothing is between."""
    if (cells.starts[1:] == cells.ends[:-1]).all():
        return _array(cells.data, np.append(cells.starts, cells.ends[-1:]))
    bounds = np.empty(2 * len(cells), np.int64)
    bounds[0::2], bounds[1::2] = cells.starts, cells.ends
    return _array(cells.data, bounds).take(pa.array(np.arange(0, len(bounds), 2)))


def _array(data: Bytes, bounds: Places) -> pa.LargeBinaryArray:
    """Return the array of what lies between each two of *bounds*."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(bounds) - 1, buffers)
