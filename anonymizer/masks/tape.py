"""Tape: words one after the other, from which pieces of any length are cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells
from anonymizer.masks.draw import choose, quarters
from anonymizer.masks.handle import slug
from anonymizer.pool import LEAST, find_pool
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anonymizer.cells import Bytes, Places
    from anonymizer.masks.draw import Numbers
    from anonymizer.pool import Pool

SIZE = 1 << 20
"""Bytes of a tape, or a few more. Longer pieces go round."""
_ORDER = bytes(32)
"""What draws the order of words."""
WIDEST = 4
"""Most bytes of a character of UTF-8."""
_USUAL_LOCALE = "en_US"
"""Whose words are taken where a locale has none in the letters of ASCII."""
_SPACES = {1: " ", 2: "\N{NO-BREAK SPACE}", 3: "\N{IDEOGRAPHIC SPACE}", 4: ""}
"""What is between words of characters of so many bytes: as many itself."""
_USUAL = {
    2: "".join(map(chr, range(0xE0, 0xF7))),
    3: "".join(map(chr, range(0x1EA1, 0x1EFA, 2))),
    4: "".join(map(chr, range(0x1F600, 0x1F640))),
}
"""Letters, and of four bytes faces, for a locale that has no such words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """Characters of one *width* in bytes, and where pieces may begin."""

    width: int
    data: Bytes
    begins: Places

    @classmethod
    def of(cls, words: Iterable[str], *, width: int = 1) -> Tape:
        """Return *words* in an order that is always the same, each as often as chance has it.

        Wide ones are less, for they are seldom needed.
        """
        held = Cells.of(each.encode() for each in words)
        size = SIZE if width == 1 else SIZE // 4
        count = 2 * size * len(held) // int(held.lengths.sum())
        places = choose(quarters(Prf(_ORDER).words(_counted(count)))[:, 0], len(held))
        some = np.searchsorted(held.lengths[places].cumsum(), size) + 1
        drawn = held.take(places[:some]).packed()
        return cls(width=width, data=drawn.data, begins=drawn.starts)

    def cut(self, drawn: Numbers, counts: Places) -> Cells:
        """Return pieces of *counts* characters, each of them begun where its number says."""
        starts = self.begins[choose(drawn, len(self.begins))]
        ends = starts + counts * self.width
        furthest = int(ends.max()) if len(ends) else 0
        rounds = -(-furthest // self.data.size)
        data = np.tile(self.data, rounds) if rounds > 1 else self.data
        return Cells(data=data, starts=starts, ends=ends)


def pools_of_tape(locale: str) -> tuple[Pool, ...]:
    """Return the pools of the words that a tape of *locale* has."""
    pool = find_pool(locale, "word")
    return (pool,) if len(_narrow(pool)) >= LEAST else (pool, find_pool(_USUAL_LOCALE, "word"))


@cache
def tape_of_words(locale: str, *, width: int = 1, separator: str | None = None) -> Tape:
    """Return words of *locale* all of whose characters have *width* bytes, or usual ones.

    *separator*, of the same width, is put behind each instead of a space. A tape is no secret,
    only where a piece of it begins is: so one serves all columns.
    """
    pool = find_pool(locale, "word")
    words = _narrow(pool) if width == 1 else _wide(pool, width)
    if len(words) < LEAST and width > 1:
        return Tape.of(_USUAL[width], width=width)
    if len(words) < LEAST:
        words = _narrow(find_pool(_USUAL_LOCALE, "word"))
    space = _SPACES[width] if separator is None else separator
    return Tape.of((f"{each}{space}" for each in words), width=width)


@cache
def tape_of_digits() -> Tape:
    """Return numbers of four digits that do not begin with a zero."""
    return Tape.of(map(str, range(1000, 10000)))


def _narrow(pool: Pool) -> list[str]:
    """Return the words of *pool* in the letters of ASCII, where they have some."""
    return [*dict.fromkeys(filter(None, map(slug, pool.words)))]


def _wide(pool: Pool, width: int) -> list[str]:
    """Return the words of *pool* of characters of *width* bytes."""
    return [each for each in pool.words if {len(letter.encode()) for letter in each} == {width}]


def _counted(count: int) -> Cells:
    """Return the numbers up to *count* as values of eight bytes."""
    return Cells.of_matrix(np.arange(count, dtype="<u8").view(np.uint8).reshape(count, 8))
