"""Masks of the parts of an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from anonymizer.masks.word import WordMask

if TYPE_CHECKING:
    from anonymizer.column import Column

_CODE = 2
"""Length of a column that holds codes, as in US or NY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Street(WordMask):
    """Gives a street with the number of a house."""

    name: ClassVar[str] = "street"
    kinds: ClassVar[tuple[str, ...]] = ("street",)


@dataclass(frozen=True, slots=True, kw_only=True)
class City(WordMask):
    """Gives a city."""

    name: ClassVar[str] = "city"
    kinds: ClassVar[tuple[str, ...]] = ("city",)


@dataclass(frozen=True, slots=True, kw_only=True)
class State(WordMask):
    """Gives a state, region or province; its code where the column takes two characters."""

    name: ClassVar[str] = "state"
    kinds: ClassVar[tuple[str, ...]] = ("state",)

    @override
    def kinds_for(self, column: Column) -> tuple[str, ...]:
        return ("state_code",) if column.length == _CODE else self.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Country(WordMask):
    """Gives a country; its code where the column takes two characters."""

    name: ClassVar[str] = "country"
    kinds: ClassVar[tuple[str, ...]] = ("country",)

    @override
    def kinds_for(self, column: Column) -> tuple[str, ...]:
        return ("country_code",) if column.length == _CODE else self.kinds
