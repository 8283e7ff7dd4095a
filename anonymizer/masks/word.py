"""Masks that give one word of a pool: what first names, cities and companies share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.masks.draw import FIRST, Seeds, Words, refuses_words, same
from anonymizer.masks.textual import LocalMask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class WordMask(LocalMask):
    """Replaces a value by a word that its PRF draws, never by itself; an empty one stays."""

    half: ClassVar[int] = FIRST
    """Which of the two numbers of the PRF draws."""

    @override
    def refuses(self, column: Column) -> str | None:
        (kind,) = self.kinds_for(column)
        unfit = LocalMask.refuses(self, column)
        return unfit or refuses_words(self.locale, kind, column.length)

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        (pool,) = self.pools(setting.column)
        subject = self.needs[0] if self.needs else None
        return _Bound(
            words=Words.of(pool, length=setting.column.length),
            seeds=Seeds.of(setting, subject),
            half=self.half,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bound:
    words: Words
    seeds: Seeds
    half: int

    def __call__(self, values: Cells, others: Mapping[str, Cells]) -> Cells:
        words = self.words
        places = words.drawn(self.seeds.numbers(values, others)[:, self.half])
        places[values.lengths == 0] = words.empty
        # What a subject draws has to agree with its other columns, even if it is the value itself.
        if self.seeds.subject is None:
            itself = same(values, Cells.of_arrow(words.array).take(places))
            places[itself] = words.next(places[itself])
        return Cells.of_arrow(words.take(places))
