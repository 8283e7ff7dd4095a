"""Draw: keyed numbers of a cell, and a word of a pool by each of them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from anonymizer.cells import Cells, chosen
from anonymizer.pool import LEAST, find_pool
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from anonymizer.cells import Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Mask, Setting
    from anonymizer.pool import Pool

    Numbers = NDArray[np.uint32]
    Part = tuple[pa.LargeBinaryArray, Places]

FIRST, LAST = 2, 3
"""Which of the four numbers of a person its first and its last name are drawn by.

They say nothing of the first two, of which tokens are made.
"""
_BITS = np.uint64(32)


@runtime_checkable
class Worded(Protocol):
    """A mask that takes words from pools."""

    def pools(self, column: Column) -> tuple[Pool, ...]:
        """Return the pools whose words *column* gets."""


def used_pools(mask: Mask, column: Column) -> tuple[Pool, ...]:
    """Return the pools whose words *mask* writes into *column*: for a manifest."""
    return mask.pools(column) if isinstance(mask, Worded) else ()


def subkey(key: bytes, purpose: str) -> bytes:
    """Return 32 bytes of *key* for *purpose* alone, so that no two uses share a key."""
    return hmac.digest(key, purpose.encode(), hashlib.sha256)


def quarters(words: NDArray[np.uint64]) -> Numbers:
    """Return four numbers of 32 bits for each two of 64: shape (values, 4)."""
    return words.view("<u4")


def choose(numbers: Numbers, size: int) -> Places:
    """Return which of *size* things, far less than 2³², each number chooses.

    It is the upper half of number × size, which prefers nothing one could notice.
    """
    return ((numbers * np.uint64(size)) >> _BITS).view(np.int64)


def folded(values: Cells) -> Cells:
    """Return *values*, packed, with the letters of ASCII in lower case."""
    values = values.packed()
    if not ((values.data - np.uint8(ord("A"))) < len(ascii_uppercase)).any():
        return values
    lower = np.frombuffer(values.data.tobytes().lower(), np.uint8)
    return Cells(data=lower, starts=values.starts, ends=values.ends)


def strung(*parts: Part) -> Cells:
    """Return values put together of parts: of each array what is at its places in it."""
    places, held = np.empty((len(parts[0][1]), len(parts)), np.int64), 0
    for number, (array, which) in enumerate(parts):
        np.add(which, held, out=places[:, number])
        held += len(array)
    whole = pa.concat_arrays([array for array, _ in parts])
    taken = Cells.of_arrow(chosen(whole, places.reshape(-1)))
    return Cells(
        data=taken.data,
        starts=taken.starts[:: len(parts)],
        ends=taken.ends[len(parts) - 1 :: len(parts)],
    )


def joined(*parts: pa.LargeBinaryArray) -> Cells:
    """Return the values of *parts*, arrays of one length, put together row by row."""
    return strung(*((each, np.arange(len(each))) for each in parts))


def same(values: Cells, others: Cells) -> Places:
    """Return the places where a value, not an empty one, is what it is among *others*."""
    near = np.flatnonzero((values.lengths == others.lengths) & (values.lengths > 0))
    near = near[values.data[values.starts[near]] == others.data[others.starts[near]]]
    values, others = values.take(near), others.take(near)
    width = int(values.lengths.max(initial=0))
    found: Places = near[(values.heads(width) == others.heads(width)).all(axis=1)]
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seeds:
    """Four numbers of 32 bits for each cell: of its own value, or of the subject of its row.

    Values that differ only in the case of ASCII letters have the same.
    """

    own: Prf
    subject: str | None
    person: Prf
    """Of the subject's domain, so that every column which names it draws alike."""

    @classmethod
    def of(cls, setting: Setting, subject: str | None) -> Seeds:
        """Return the seeds of a column, drawn by *subject*, another one, unless that is None."""
        key = setting.key if subject is None else setting.keys[subject]
        own, person = (Prf(subkey(each, "words")) for each in (setting.key, key))
        return cls(own=own, subject=subject, person=person)

    def numbers(self, values: Cells, others: Mapping[str, Cells]) -> Numbers:
        """Return the numbers, shape (values, 4); where the subject is empty, of the value."""
        if self.subject is None:
            return quarters(self.own.words(folded(values)))
        subjects = others[self.subject]
        found = self.person.words(folded(subjects))
        lacking = np.flatnonzero(subjects.lengths == 0)
        if len(lacking):
            found[lacking] = self.own.words(folded(values.take(lacking)))
        return quarters(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Words:
    """The words of a pool, and which of them are short enough."""

    pool: Pool
    array: pa.LargeBinaryArray
    """Its words as bytes, and an empty one behind them."""
    sizes: Places
    """The length of each in characters, without what is put behind."""
    fitting: Places
    """The places of the words that fit, in order."""
    places: Places
    """For each word its own place, or that of one that fits."""

    @classmethod
    def of(cls, pool: Pool, *, length: int | None = None, after: str = "") -> Words:
        """Return those of *pool*, of *length* characters at the most; *after* is put behind each.

        *after* does not count, and is not put behind the empty one.
        """
        sizes = np.array([*(len(word) for word in pool.words), 0])
        fits = sizes[:-1] <= (sizes.max() if length is None else length)
        fitting = np.flatnonzero(fits)
        places = np.arange(len(pool))
        if len(fitting):
            misfits = np.flatnonzero(~fits)
            places[misfits] = fitting[np.arange(len(misfits)) % len(fitting)]
        array = pool.array(word + after for word in pool.words)
        return cls(pool=pool, array=array, sizes=sizes, fitting=fitting, places=places)

    @property
    def empty(self) -> int:
        """The place of the empty word."""
        return len(self.pool)

    def any(self, numbers: Numbers) -> Places:
        """Return the place of the word that each of *numbers* draws, be it too long or not."""
        return choose(numbers, len(self.pool))

    def drawn(self, numbers: Numbers) -> Places:
        """Return the place of the word that each of *numbers* draws, or of one that fits."""
        found: Places = self.places[self.any(numbers)]
        return found

    def next(self, places: Places) -> Places:
        """Return the place of the next word that fits, after that of another one."""
        found: Places = self.fitting[
            (np.searchsorted(self.fitting, places) + 1) % len(self.fitting)
        ]
        return found

    def take(self, places: Places) -> pa.LargeBinaryArray:
        """Return the words at *places*."""
        return chosen(self.array, places)


def refuses_words(locale: str, kind: str, length: int | None) -> str | None:
    """Return why what takes *length* characters cannot have the words of *kind* from *locale*."""
    if length is None:
        return None
    fitting = sum(len(word) <= length for word in find_pool(locale, kind).words)
    if fitting >= LEAST:
        return None
    return f"{fitting} of the words {locale}/{kind} fit into {length} characters"
