"""Symbols of an alphabet in values, permuted among their places; what else is there stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells, groups
from anonymizer.permutation import LongPermutation, Permutation, WordPermutation
from anonymizer.prf import subkey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places, Which

OTHER = 255
"""Number of a byte that is no symbol."""
DIGITS = b"0123456789"
_WORD = 1 << 32
_MOST = 128
"""Symbols of the longest strings that are permuted by their length, many at a time."""


def numbered(*alphabets: bytes) -> Bytes:
    """Return the number of each of 256 bytes: its place in one of *alphabets*, or OTHER."""
    table = np.full(256, OTHER, np.uint8)
    for alphabet in alphabets:
        table[np.frombuffer(alphabet, np.uint8)] = np.arange(len(alphabet))
    return table


def compact(values: Cells) -> Cells:
    """Return *values* one after the other in a buffer of their own that may be written to."""
    packed = values.packed()
    return Cells(data=packed.data.copy(), starts=packed.starts, ends=packed.ends)


def gathered(values: Cells, parts: Sequence[tuple[Which, Cells]]) -> Cells:
    """Return *values* with those of each of *parts* in the places that it says."""
    for which, new in parts:
        if isinstance(which, slice):
            return new
    starts, ends, held = values.starts.copy(), values.ends.copy(), values.data.size
    for which, new in parts:
        starts[which], ends[which] = new.starts + held, new.ends + held
        held += new.data.size
    data = np.concatenate([values.data, *(new.data for _, new in parts)])
    return Cells(data=data, starts=starts, ends=ends)


def any_in(values: Cells, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return in which of *values*, which are compact, a flag is set."""
    at = np.flatnonzero(flags)
    if not len(at):
        return np.zeros(len(values), bool)
    found: NDArray[np.bool_] = np.searchsorted(at, values.ends) > np.searchsorted(at, values.starts)
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """The places of symbols in a text, in order, and how many each value has."""

    places: Places
    counts: Places

    @classmethod
    def of(cls, values: Cells, found: NDArray[np.bool_]) -> Runs:
        """Return the places in *values*, which are compact, where *found* is true."""
        places = np.flatnonzero(found)
        if len(places) == values.data.size:
            return cls(places=places, counts=values.lengths)
        bounds = np.searchsorted(places, values.ends)
        return cls(places=places, counts=np.diff(bounds, prepend=0))

    @property
    def firsts(self) -> Places:
        """The number of each value's first place."""
        return np.cumsum(self.counts) - self.counts

    def without(self, first: int) -> Runs:
        """Return these less so many of the *first* of each value."""
        order = np.arange(len(self.places)) - np.repeat(self.firsts, self.counts)
        counts = np.maximum(self.counts - first, 0)
        return Runs(places=self.places[order >= first], counts=counts)

    def matrix(self, which: Which, count: int) -> Places:
        """Return the places of the values *which* that have *count*: (values, count)."""
        if isinstance(which, slice) and 0 < len(self.places) == len(self.counts) * count:
            return self.places.reshape(-1, count)
        found: Places = self.places[self.firsts[which][:, None] + np.arange(count)]
        return found


class Strings:
    """Permutations of strings of *radix* symbols: one for each length."""

    def __init__(self, key: bytes, radix: int) -> None:
        self.radix = radix
        self._key = subkey(key, f"strings of {radix}")
        self._each = 1
        while radix ** (self._each + 1) <= _WORD:
            self._each += 1
        self._one = Permutation(self._key, radix)
        self._long = LongPermutation(self._key, radix)
        self._made: dict[int, WordPermutation] = {}

    def permute(self, symbols: Bytes) -> Bytes:
        """Return what strings of one length become: (values, symbols)."""
        length = symbols.shape[1]
        if not symbols.size:
            return symbols
        if length > _MOST:
            counts = np.full(len(symbols), length)
            return self._long.forward(symbols.reshape(-1), counts).reshape(symbols.shape)
        if length == 1:
            return self._one.forward(symbols[:, 0].astype(np.uint64))[:, None].astype(np.uint8)
        if length not in self._made:
            half = length // 2
            sizes = [[self.radix**each for each in self._parts(n)] for n in (half, length - half)]
            self._made[length] = WordPermutation(subkey(self._key, str(length)), *sizes)
        return self._unpacked(self._made[length].forward(self._packed(symbols)), length)

    def replace(self, numbers: Bytes, runs: Runs) -> None:
        """Permute the symbols at the places of *runs* in *numbers*, value by value."""
        long = runs.counts > _MOST
        if long.any():
            places = runs.places[np.repeat(long, runs.counts)]
            numbers[places] = self._long.forward(numbers[places], runs.counts[long])
        for count, which in groups(runs.counts):
            if 0 < count <= _MOST:
                places = runs.matrix(which, count)
                numbers[places] = self.permute(numbers[places])

    def _parts(self, length: int) -> list[int]:
        """Return how many symbols are in each word of a half of *length* symbols."""
        return [min(self._each, length - at) for at in range(0, length, self._each)]

    def _all_parts(self, length: int) -> list[int]:
        half = length // 2
        return self._parts(half) + self._parts(length - half)

    def _packed(self, symbols: Bytes) -> list[NDArray[np.uint64]]:
        words, at = [], 0
        for part in self._all_parts(symbols.shape[1]):
            word = symbols[:, at].astype(np.uint64)
            for more in range(at + 1, at + part):
                word = word * np.uint64(self.radix) + symbols[:, more]
            words.append(word)
            at += part
        return words

    def _unpacked(self, words: list[NDArray[np.uint64]], length: int) -> Bytes:
        symbols, at = np.empty((len(words[0]), length), np.uint8), 0
        radix = np.uint32(self.radix)
        for word, part in zip(words, self._all_parts(length), strict=True):
            size = word.astype(np.uint32)
            for place in range(at + part - 1, at, -1):
                rest = size // radix
                symbols[:, place] = size - rest * radix
                size = rest
            symbols[:, at] = size
            at += part
        return symbols
