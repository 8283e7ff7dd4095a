"""Masks of people's names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.masks.draw import FIRST, LAST, Seeds, Words, refuses_words, same, strung
from anonymizer.masks.textual import NAMES, PersonMask
from anonymizer.masks.word import WordMask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Cells, Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting
    from anonymizer.masks.draw import Numbers

_FAMILY_FIRST = {"hu": " ", "ja": " ", "ko": "", "vi": " ", "zh": ""}
"""Languages that write the last name first, and what they write after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstName(WordMask):
    """Gives a first name: that of *subject*, another column, or one by the value."""

    subject: str | None = None

    name: ClassVar[str] = "first_name"
    kinds: ClassVar[tuple[str, ...]] = ("first_name",)

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return () if self.subject is None else (self.subject,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastName(FirstName):
    """Gives a last name: that of *subject*, another column, or one by the value."""

    name: ClassVar[str] = "last_name"
    kinds: ClassVar[tuple[str, ...]] = ("last_name",)
    half: ClassVar[int] = LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(PersonMask):
    """Gives a first and a last name: those of *subject*, another column, or some by the value."""

    name: ClassVar[str] = "name"
    kinds: ClassVar[tuple[str, ...]] = NAMES

    @override
    def refuses(self, column: Column) -> str | None:
        unfit = PersonMask.refuses(self, column)
        fits = (refuses_words(self.locale, kind, _room(column.length)) for kind in NAMES)
        return unfit or next((each for each in fits if each), None)

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        length = setting.column.length
        first, last = self.pools(setting.column)
        space = _FAMILY_FIRST.get(PurePath(self.locale).name[:2])
        return _Bound(
            seeds=Seeds.of(setting, self.subject),
            first=Words.of(first, length=_room(length), after=" " if space is None else ""),
            last=Words.of(last, length=_room(length), after=space or ""),
            is_family_first=space is not None,
            length=length,
        )


def _room(length: int | None) -> int | None:
    """Return how long one of two names may be that both fit into *length* for certain."""
    return None if length is None else (length - 1) // 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bound:
    seeds: Seeds
    first: Words
    last: Words
    is_family_first: bool
    length: int | None

    def __call__(self, values: Cells, others: Mapping[str, Cells]) -> Cells:
        numbers = self.seeds.numbers(values, others)
        first, last = self._drawn(numbers)
        absent = values.lengths == 0
        first[absent], last[absent] = self.first.empty, self.last.empty
        found = self._joined(first, last)
        itself = same(values, found) if self.seeds.subject is None else np.zeros(0, np.int64)
        if not len(itself):
            return found
        # The next last name that fits, beside a first name that leaves it its room.
        other = self.last.next(self.last.places[last[itself]])
        first = self.first.places[first[itself]]
        return found.replaced(itself, self._joined(first, other).to_list())

    def _drawn(self, numbers: Numbers) -> tuple[Places, Places]:
        """Return the places of both names: as drawn where they fit, else of such as do."""
        first, last = self.first.any(numbers[:, FIRST]), self.last.any(numbers[:, LAST])
        if self.length is not None:
            long = self.first.sizes[first] + self.last.sizes[last] + 1 > self.length
            first[long], last[long] = self.first.places[first[long]], self.last.places[last[long]]
        return first, last

    def _joined(self, first: Places, last: Places) -> Cells:
        names = (self.first.array, first), (self.last.array, last)
        return strung(*(reversed(names) if self.is_family_first else names))
