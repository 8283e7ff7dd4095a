"""Uri: where the parts of many URLs are, found all at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from string import ascii_letters, digits
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places

    Flags = NDArray[np.bool_]

SCHEME, PORT = 16, 5
"""Most characters of a scheme, and digits of a port."""


def _table(text: bytes) -> Flags:
    return np.isin(np.arange(256), np.frombuffer(text, np.uint8))


_IN_SCHEME = _table(f"{ascii_letters}{digits}+-.".encode())
_IS_DIGIT = _table(digits.encode())
_IS_MARK = _table(b"/?&=#")
_COLON, _SLASH, _AT = b":/@"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """The parts that packed URLs have before their path; each begins where the last one ends."""

    scheme: Cells
    """With // behind it."""
    user: Cells
    """User and password, with @ behind them."""
    host: Cells
    port: Cells
    """With : before it."""

    @classmethod
    def of(cls, values: Cells) -> Parts:
        """Find the parts of *values*; all are empty in what has no host."""
        data = values.data
        scheme = _scheme_ends(values)
        marks = np.flatnonzero(_IS_MARK[data])
        end = np.where(scheme > values.starts, _next(marks, scheme, values.ends), scheme)
        at = _last(np.flatnonzero(data == _AT), scheme, end)
        user = np.where(at >= 0, at + 1, scheme)
        colon = _last(np.flatnonzero(data == _COLON), user, end)
        is_port = _are_ports(data, np.where(colon >= 0, colon, end), end)
        bounds = (values.starts, scheme, user, np.where(is_port, colon, end), end)
        found = (Cells(data=data, starts=begin, ends=stop) for begin, stop in pairwise(bounds))
        return cls(**dict(zip(("scheme", "user", "host", "port"), found, strict=True)))

    @property
    def ends(self) -> Places:
        """Where they end, and path, query and fragment begin."""
        return self.port.ends


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """What is between the marks of path, query and fragment: those of all URLs, in order."""

    cells: Cells
    bytes: Places
    """The places of all their bytes."""
    of_bytes: Places
    """The segment that each byte is of."""

    @classmethod
    def of(cls, values: Cells, begins: Places) -> Segments:
        """Find the segments of packed *values*, each from *begins* on."""
        data = values.data
        inside = np.zeros(data.size + 1, np.int8)
        np.add.at(inside, begins, 1)
        np.add.at(inside, values.ends, -1)
        held = (np.cumsum(inside[:-1]) > 0) & ~_IS_MARK[data]
        opens = held.copy()
        opens[1:] &= ~held[:-1]
        full = values.starts[values.lengths > 0]
        opens[full] = held[full]
        starts = np.flatnonzero(opens)
        bytes_ = np.flatnonzero(held)
        of_bytes = np.cumsum(opens)[bytes_] - 1
        ends = starts + np.bincount(of_bytes, minlength=len(starts))
        cells = Cells(data=data, starts=starts, ends=ends)
        return cls(cells=cells, bytes=bytes_, of_bytes=of_bytes)

    @property
    def are_digits(self) -> Flags:
        """Whether each is nothing but digits."""
        digits_ = _IS_DIGIT[self.cells.data[self.bytes]]
        counts = np.bincount(self.of_bytes, digits_, minlength=len(self.cells))
        found: Flags = counts == self.cells.lengths
        return found

    def firsts(self, values: Cells, begins: Places) -> Cells:
        """Return the first segment of each value, an empty one at its end where it has none."""
        if not len(self.cells):
            return Cells(data=values.data, starts=values.ends, ends=values.ends)
        number = np.searchsorted(self.cells.starts, begins)
        place = np.minimum(number, len(self.cells) - 1)
        has = (number == place) & (self.cells.starts[place] < values.ends)
        starts, ends = self.cells.starts[place], self.cells.ends[place]
        return Cells(
            data=values.data,
            starts=np.where(has, starts, values.ends),
            ends=np.where(has, ends, values.ends),
        )


def _scheme_ends(values: Cells) -> Places:
    """Return where the // ends that a host follows, or where the value begins."""
    data, starts = values.data, values.starts
    slashes = np.flatnonzero((data[:-1] == _SLASH) & (data[1:] == _SLASH))
    at = _next(slashes, starts, values.ends)
    size = at - starts
    found = (at + 2 <= values.ends) & ((size == 0) | (size > 1)) & (size <= SCHEME + 1)
    which = np.flatnonzero(found & (size > 1))
    heads = Cells(data=data, starts=starts[which], ends=at[which]).heads(SCHEME + 1)
    behind = np.arange(SCHEME + 1) - size[which, None] + 1
    allowed = np.where(behind == 0, heads == _COLON, _IN_SCHEME[heads] | (behind > 0))
    found[which] = allowed.all(axis=1)
    ends: Places = np.where(found, at + 2, starts)
    return ends


def _are_ports(data: Bytes, starts: Places, ends: Places) -> Flags:
    """Return which of those begin with a colon, and have nothing but a few digits behind it."""
    found = (starts < ends) & (ends - starts <= PORT + 1)
    which = np.flatnonzero(found)
    heads = Cells(data=data, starts=starts[which] + 1, ends=ends[which]).heads(PORT)
    behind = np.arange(PORT) - (ends - starts)[which, None] + 1
    found[which] = (_IS_DIGIT[heads] | (behind >= 0)).all(axis=1)
    return found


def _next(places: Places, begins: Places, ends: Places) -> Places:
    """Return the first of *places* from each of *begins* on, or the end where none is before it."""
    found: Places = np.minimum(
        np.append(places, np.iinfo(np.int64).max)[np.searchsorted(places, begins)], ends
    )
    return found


def _last(places: Places, begins: Places, ends: Places) -> Places:
    """Return the last of *places* before each of *ends*, -1 where it is before *begins*."""
    found = np.append(places, -1)[np.searchsorted(places, ends) - 1]
    return np.where(found >= begins, found, -1)


def overwrite(data: Bytes, segments: Segments, which: Flags, tape: Bytes, begins: Places) -> None:
    """Write *tape*, from *begins* on, over those of *segments* in *data* that *which* chooses."""
    chosen = which[segments.of_bytes]
    places, segment = segments.bytes[chosen], segments.of_bytes[chosen]
    nth = places - segments.cells.starts[segment]
    data[places] = tape[(begins[segment] + nth) % tape.size]
