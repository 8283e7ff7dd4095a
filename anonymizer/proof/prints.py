"""Prints: keyed fingerprints of sensitive values, and where a text has one of them.

A value is known by 64 bits of a pseudorandom function of its letters and digits. To find it
in a text without trying all of the text's parts, its first letters are known as well, in one
of three lengths, together with its length: where a text has these, the part of that length is
looked up, if a word ends there. The key is made for one run and forgotten.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anonymizer.cells import Cells
from anonymizer.prf import Prf
from anonymizer.proof.grade import LEAST
from anonymizer.proof.store import HELD, NOTHING, Filter, Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.proof.squeeze import Squeezed

OPENINGS = (LEAST, 16, 48)
"""Lengths of the first letters that a value is known by: the longest that it has."""
LONGEST = 0xFFFF
"""Letters of a value that count."""
_LENGTH = np.uint64(0xFFFF)
_KEY = 32


class Matches(NamedTuple):
    """Parts of a text that are values: of which column, and where."""

    prints: NDArray[np.uint64]
    labels: NDArray[np.uint16]
    starts: Places
    """Place of the first letter in the squeezed text."""
    cells: Places
    """Number of the cell."""


class Prints:
    """Fingerprints of values, each with a label: add all, finish, then look."""

    def __init__(self, *, held: int = HELD) -> None:
        self._prf = Prf(secrets.token_bytes(_KEY))
        self._factor = np.uint64(secrets.randbits(64) | 1)
        self._values = Store(held=held)
        self._openings = [Store(held=held) for _ in OPENINGS]
        self._filter = Filter()
        self._looked_up = 0

    def __len__(self) -> int:
        return len(self._values)

    @property
    def labels(self) -> NDArray[np.uint16]:
        """The label of each fingerprint."""
        return self._values.labels

    @property
    def false_alarm(self) -> float:
        """The most that the chance can be that something was found which is no value."""
        return self._looked_up * len(self) / 2**64

    def of(self, values: Cells) -> NDArray[np.uint64]:
        """Return the fingerprint of each of *values*."""
        return self._prf.words(values)[:, 0]

    def add(self, values: Cells, labels: NDArray[np.uint16]) -> None:
        """Put in squeezed *values* of LEAST letters or more."""
        if not len(values):
            return
        ends = np.minimum(values.ends, values.starts + LONGEST)
        values = Cells(data=values.data, starts=values.starts, ends=ends)
        self._values.add(self.of(values), labels)
        self._filter.add(self._hashed(values.heads(8)))
        size = np.searchsorted(OPENINGS, values.lengths, "right") - 1
        for number in np.flatnonzero(np.bincount(size)):
            chosen = values.take(size == number)
            keys = self._keys(chosen, int(number)) | chosen.lengths.astype(np.uint64)
            self._openings[number].add(keys, np.zeros(len(keys), np.uint16))

    def finish(self) -> None:
        """Make ready to look."""
        for store in (self._values, *self._openings):
            store.finish()
        self._filter.finish()

    def close(self) -> None:
        """Forget all, on disk too."""
        for store in (self._values, *self._openings):
            store.close()

    def look(self, text: Squeezed) -> Matches:
        """Return which parts of *text*, from the edge of a word to another, are values."""
        starts = np.flatnonzero(text.edges[:-1])
        heads = np.ndarray((len(text.letters) - 7,), "<u8", text.letters, 0, (1,))
        starts = starts[self._filter.may_have(self._mixed(heads[starts]))]
        cells = np.searchsorted(text.ends, starts, "right")
        found = [
            self._opened(text, starts, cells, number)
            for number, store in enumerate(self._openings)
            if len(store)
        ]
        if not found:
            return Matches(*(np.zeros(0, kind) for kind in (np.uint64, np.uint16, int, int)))
        return Matches(*(np.concatenate(each) for each in zip(*found, strict=True)))

    def _opened(self, text: Squeezed, starts: Places, cells: Places, number: int) -> Matches:
        """Return the matches among values that are known by opening *number*."""
        limits = text.ends[cells]
        long_enough = starts + OPENINGS[number] <= limits
        starts, cells, limits = starts[long_enough], cells[long_enough], limits[long_enough]
        known = self._openings[number].numbers
        opening = Cells(data=text.letters, starts=starts, ends=starts + OPENINGS[number])
        keys = self._keys(opening, number)
        first = np.searchsorted(known, keys)
        counts = np.searchsorted(known, keys | _LENGTH, "right") - first
        which, places = _ranges(first, counts)
        lengths = (known[places] & _LENGTH).astype(np.int64)
        ends = starts[which] + lengths
        whole = ends <= limits[which]
        which, ends, lengths = which[whole], ends[whole], lengths[whole]
        whole = text.edges[ends] | (lengths == LONGEST)
        which, ends = which[whole], ends[whole]
        prints = self.of(Cells(data=text.letters, starts=starts[which], ends=ends))
        labels = self._values.find(prints)
        self._looked_up += len(prints)
        hit = labels != NOTHING
        which = which[hit]
        return Matches(prints[hit], labels[hit], starts[which], cells[which])

    def _keys(self, values: Cells, number: int) -> NDArray[np.uint64]:
        """Return fingerprints of the first letters of *values*, without their lowest 16 bits."""
        ends = values.starts + OPENINGS[number]
        opening = Cells(data=values.data, starts=values.starts, ends=ends)
        keys: NDArray[np.uint64] = self._prf.words(opening)[:, 1] & ~_LENGTH
        return keys

    def _hashed(self, heads: Bytes) -> NDArray[np.uint64]:
        return self._mixed(np.ascontiguousarray(heads).view("<u8")[:, 0])

    def _mixed(self, heads: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return a number for the first LEAST letters of each of *heads*."""
        mixed = (heads & np.uint64((1 << 8 * LEAST) - 1)) * self._factor
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        return mixed


def _ranges(first: Places, counts: Places) -> tuple[Places, Places]:
    """Return each number from *first* on, as many as *counts*, and the place of its range."""
    which = np.repeat(np.arange(len(first)), counts)
    before = np.cumsum(counts) - counts
    return which, np.arange(len(which)) - before[which] + first[which]
