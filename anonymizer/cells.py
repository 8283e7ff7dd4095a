"""Cells: the values of one column in one block of rows, as bytes in one buffer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"
Places: TypeAlias = "NDArray[np.int64]"
Which: TypeAlias = "Places | slice"
"""Some values, by their number, or all of them."""


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

    def take(self, which: NDArray[np.generic] | slice) -> Cells:
        """Return the values that *which*, numbers, a mask of booleans or a slice, chooses."""
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
        if _is_packed(self):
            return between(self.data, np.append(self.starts, self.ends[-1:]))
        # Each second element is taken. What lies between them makes no sense where the values are
        # in no order, and is not looked at.
        bounds = np.zeros(2 * len(self) + 2, np.int64)
        bounds[1:-1:2], bounds[2:-1:2], bounds[-1] = self.starts, self.ends, self.data.size
        return chosen(between(self.data, bounds), np.arange(1, len(bounds) - 1, 2))

    def packed(self) -> Cells:
        """Return the values one after the other from the begin of their buffer, nothing between."""
        if not len(self):
            return Cells(data=self.data[:0], starts=self.starts, ends=self.ends)
        held = self if _is_packed(self) else Cells.of_arrow(self.to_arrow())
        first, end = int(held.starts[0]), int(held.ends[-1])
        if not first and end == held.data.size:
            return held
        return Cells(data=held.data[first:end], starts=held.starts - first, ends=held.ends - first)

    def heads(self, width: int) -> Bytes:
        """Return the first *width* bytes of each value, padded with zeros: (values, width)."""
        if not len(self) or not width:
            return np.zeros((len(self), width), np.uint8)
        lengths = self.lengths
        texts = windows(self.data, width, int(self.starts.max()))
        found = texts[self.starts].view(np.uint8)
        if lengths.min() < width:
            found &= inside(width)[np.minimum(lengths, width)].view(np.uint8)
        return found.reshape(-1, width)

    def overwrite(self, matrix: Bytes) -> None:
        """Write the rows of *matrix* over the values, all of which are as long."""
        width = matrix.shape[1]
        if matrix.size:
            rows = np.ascontiguousarray(matrix).view(f"V{width}").reshape(-1)
            windows(self.data, width, int(self.starts.max()))[self.starts] = rows


def groups(keys: Places) -> Iterator[tuple[int, Which]]:
    """Yield each of *keys*, numbers from 0 on, and which values have it."""
    if len(keys) and (keys == keys[0]).all():
        yield int(keys[0]), slice(None)
        return
    for key in np.unique(keys).tolist():
        yield key, np.flatnonzero(keys == key)


def windows(data: Bytes, width: int, last: int) -> NDArray[np.void]:
    """Return for each place in *data* up to *last* the *width* bytes that begin there.

    Behind the end of *data* there are zeros. There is no copy but for these.
    """
    lacking = last + width - data.size
    text = np.append(data, np.zeros(lacking, np.uint8)) if lacking > 0 else data
    return np.ndarray(last + 1, f"V{width}", np.ascontiguousarray(text), strides=(1,))


@lru_cache(maxsize=16)
def inside(width: int) -> NDArray[np.void]:
    """Return for each length up to *width* as many bytes of ones, then zeros: what is kept by &."""
    ones = np.tri(width + 1, width, -1, np.uint8) * np.uint8(0xFF)
    return ones.view(f"V{width}").reshape(-1)


def _is_packed(cells: Cells) -> bool:
    """Return whether each value begins where the one before it ends."""
    return bool((cells.starts[1:] == cells.ends[:-1]).all())


def chosen(array: pa.LargeBinaryArray, places: Places) -> pa.LargeBinaryArray:
    """Return the values of *array* at *places*, which are in it."""
    return array.take(pa.array(places))


def between(data: Bytes, bounds: Places) -> pa.LargeBinaryArray:
    """Return the array of what lies between each two of *bounds*."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(bounds) - 1, buffers)
