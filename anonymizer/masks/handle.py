"""Handle: what a person is called by in an e-mail address or a user name.

It is the person's first and last name in the letters of ASCII, where they fit, and a token of 64
bits of the value, so that distinct values stay distinct. Values that differ only in the case of
ASCII letters get handles that differ only in case: a database that takes them for one, or one that
does not, goes on to do so. The token's letters carry the case, and ten of them are usual: so
two spellings of one value, both with upper-case letters, become one in a thousand cases.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from anonymizer.cells import Cells
from anonymizer.masks.draw import FIRST, LAST, Seeds, choose, folded, quarters, subkey
from anonymizer.masks.tag import LENGTH, recased, tokens
from anonymizer.pool import find_pool
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Places
    from anonymizer.masks.base import Setting
    from anonymizer.masks.draw import Numbers, Part

_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
    | {"\u0131": "i"}
)


def slug(word: str) -> str:
    """Return the letters of *word* in ASCII and lower case; none when it has no Latin ones."""
    plain = unicodedata.normalize("NFKD", word.lower().translate(_LETTERS))
    return "".join(each for each in plain if each.isascii() and each.isalnum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Names:
    """The names of a pool as handles spell them: in lower case, then capitalized, then nothing."""

    array: pa.LargeBinaryArray
    sizes: Places
    count: int

    @classmethod
    @cache
    def of(cls, locale: str, kind: str, separator: str) -> Names:
        """Return the names of *kind* from *locale*, each with *separator* behind it."""
        slugs = [slug(word) for word in find_pool(locale, kind).words]
        lower = [f"{each}{separator}".encode() if each else b"" for each in slugs]
        array = pa.array([*lower, *(each.capitalize() for each in lower), b""], pa.large_binary())
        return cls(array=array, sizes=Cells.of_arrow(array).lengths, count=len(slugs))

    @property
    def empty(self) -> int:
        """The place of the empty one."""
        return 2 * self.count


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Handles:
    """Makes the handles of one column."""

    seeds: Seeds
    case: Prf
    first: Names
    last: Names

    @classmethod
    def of(cls, setting: Setting, *, locale: str, subject: str | None, separator: str) -> Handles:
        """Return what makes handles of *subject*, another column, or of the values themselves."""
        return cls(
            seeds=Seeds.of(setting, subject),
            case=Prf(subkey(setting.key, "case")),
            first=Names.of(locale, "first_name", separator),
            last=Names.of(locale, "last_name", separator),
        )

    def parts(
        self, values: Cells, others: Mapping[str, Cells], room: Places | int | None
    ) -> tuple[list[Part], Numbers]:
        """Return the first names, last names and tokens of *values*, and a number of each.

        *room* says how many characters each may have in all. Empty values get nothing. The
        number is one of those that the token tells.
        """
        values = values.packed()
        lower = folded(values)
        drawn = self.seeds.own.words(lower)
        person = (
            quarters(drawn) if self.seeds.subject is None else self.seeds.numbers(values, others)
        )
        first = choose(person[:, FIRST], self.first.count)
        last = choose(person[:, LAST], self.last.count)
        written = tokens(drawn[:, 0])
        upper = uppers(values, lower)
        if len(upper):
            first[upper] += self.first.count
            last[upper] += self.last.count
            patterns = self.case.words(values.take(upper))[:, 0]
            written[upper] = recased(written[upper], patterns)
        self._fit(first, last, room)
        absent = values.lengths == 0
        first[absent], last[absent] = self.first.empty, self.last.empty
        made = Cells.of_matrix(written, np.where(absent, 0, LENGTH)).to_arrow()
        parts = [(self.first.array, first), (self.last.array, last), (made, np.arange(len(made)))]
        return parts, quarters(drawn)[:, 0]

    def _fit(self, first: Places, last: Places, room: Places | int | None) -> None:
        """Leave out the names that *room* does not have, the last one before the first."""
        if room is None:
            return
        spare = room - LENGTH - self.first.sizes[first]
        first[spare < 0] = self.first.empty
        last[spare < self.last.sizes[last]] = self.last.empty


def uppers(values: Cells, lower: Cells) -> Places:
    """Return the places of the values that are not what they are in lower case."""
    if values is lower:
        return np.zeros(0, np.int64)
    changed = np.flatnonzero(values.data != lower.data)
    if not len(changed):
        return changed
    rows = np.searchsorted(values.ends, changed, side="right")
    found: Places = rows[np.diff(rows, prepend=-1) > 0]
    return found
