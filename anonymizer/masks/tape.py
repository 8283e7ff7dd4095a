"""Tape: words one after the other, from which pieces of any length are cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells
from anonymizer.masks.draw import choose, packed
from anonymizer.masks.handle import slug
from anonymizer.pool import LEAST, find_pool
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymizer.cells import Bytes, Places
    from anonymizer.masks.draw import Numbers
    from anonymizer.pool import Pool

SIZE = 1 << 20
"""Bytes of a tape, at the least. Longer pieces go round."""


def usual_words() -> Pool:
    """Return the words that are taken where a locale has none in the letters of ASCII."""
    return find_pool("en_US", "word")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """Words in the letters of ASCII, a byte each, and where pieces may begin."""

    data: Bytes
    begins: Places

    @classmethod
    def of_words(cls, pool: Pool, key: bytes, separator: str = " ") -> Tape:
        """Return words of *pool* in an order that *key* draws."""
        words = [each for each in map(slug, pool.words) if each]
        if len(words) < LEAST:
            words = [*map(slug, usual_words().words)]
        return cls.of([f"{each}{separator}" for each in dict.fromkeys(words)], key)

    @classmethod
    def of(cls, words: Sequence[str], key: bytes) -> Tape:
        """Return *words* in an order that *key* draws, each as often as chance has it."""
        held = Cells.of(each.encode("ascii") for each in words)
        count = 2 * SIZE * len(held) // int(held.lengths.sum())
        places = choose(Prf(key).words(_counted(count))[:, 0], len(held))
        drawn = packed(
            held.take(places[: np.searchsorted(held.lengths[places].cumsum(), SIZE) + 1])
        )
        return cls(data=drawn.data, begins=drawn.starts)

    def cut(self, numbers: Numbers, lengths: Places) -> Cells:
        """Return pieces of *lengths* bytes, each of them begun where its number says."""
        starts = self.begins[choose(numbers, len(self.begins))]
        return Cells(data=self.reaching(starts + lengths), starts=starts, ends=starts + lengths)

    def reaching(self, ends: Places) -> Bytes:
        """Return what is on it, gone round as often as *ends* need."""
        furthest = int(ends.max()) if len(ends) else 0
        return np.tile(self.data, max(1, -(-furthest // self.data.size)))


def _counted(count: int) -> Cells:
    """Return the numbers up to *count* as values of eight bytes."""
    return Cells.of_matrix(np.arange(count, dtype="<u8").view(np.uint8).reshape(count, 8))
