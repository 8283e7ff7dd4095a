"""A detector: knows one sort of data by the name, the type and the values of a column."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from anonymizer.column import Kind
from anonymizer.markup import INFO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anonymizer.markup import Decision, Markup
    from anonymizer.plan.kinds import Facts

TEXTS = frozenset({Kind.TEXT, Kind.OTHER})
NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
DATES = frozenset({Kind.DATE, Kind.DATETIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A column on which a decision is wanted."""

    table: str
    name: str
    facts: Facts
    nullable: bool = True
    is_key: bool = False
    """Whether it is the primary key, or a part of it."""
    is_unique: bool = False
    """Whether no two rows may have the same value in it."""
    sample: Sequence[str] = ()
    """Some values, which are counted and never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A decision that is proposed, and what speaks for it."""

    decision: Decision
    reasons: tuple[str, ...]
    confidence: float
    """From 0, a guess, to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One sort of data; its names are words of columns in several languages."""

    what: str
    """In the singular, with its article: "an e-mail address"."""
    markup: Markup
    names: str
    """Phrases of small letters without accents, with commas between them.

    "first name" also finds FirstName, firstname and first_names.
    """
    kinds: frozenset[Kind] = TEXTS
    is_value: Callable[[str], bool] | None = None
    alone: bool = True
    """Whether values say enough when the name says nothing."""
    certain: float = 0.7
    """How much the name says by itself."""
    telling: float = 0.9
    """How much the values say by themselves, when all of them fit."""
    tables: str = ""
    """Words of tables in which the names say it; empty for all."""

    def suggest(self, asked: Asked) -> Suggestion | None:
        """Return what it makes of the column, None when that is not of its sort."""
        if asked.facts.kind not in self.kinds or asked.facts.values:
            return None
        named = is_named(asked.name, self.names) and self._is_table(asked.table)
        share, reasons = self._look(asked.sample)
        certain = self._named(share) if named else self._unnamed(share)
        if certain is None:
            return None
        if named:
            reasons = (f"its name says {self.what}", *reasons)
        return Suggestion(decision=self.markup[INFO], reasons=reasons, confidence=certain)

    def _named(self, share: float | None) -> float:
        """Return the confidence where the name says it, by the share of values that fit."""
        return self.certain if share is None else round(0.3 + 0.65 * share, 2)

    def _unnamed(self, share: float | None) -> float | None:
        if share is None or share < MOST or not self.alone:
            return None
        return round(self.telling * share, 2)

    def _look(self, sample: Sequence[str]) -> tuple[float | None, tuple[str, ...]]:
        values = [each.strip() for each in sample if each.strip()]
        if self.is_value is None or not values:
            return None, ()
        fitting = sum(map(self.is_value, values))
        return fitting / len(values), (f"{fitting} of {len(values)} values are {self.what}",)

    def _is_table(self, table: str) -> bool:
        return not self.tables or is_named(table, self.tables)


MOST = 0.6
"""Share of values that has to fit where the name says nothing."""


def is_named(name: str, phrases: str) -> bool:
    """Return whether one of *phrases*, with commas between them, stands in *name* as words."""
    spoken = words_of(name)
    found, closed = _pattern(phrases)
    return spoken.replace(" ", "") in closed or found.search(spoken) is not None


@cache
def _pattern(phrases: str) -> tuple[re.Pattern[str], frozenset[str]]:
    listed = phrases.split(",")
    found = re.compile(rf"\b(?:{'|'.join(map(re.escape, listed))})s?\b")
    return found, frozenset(each.replace(" ", "") for each in listed)


@cache
def words_of(name: str) -> str:
    """Return *name* as words of small letters without accents: "PrénomClient" → "prenom client"."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+", " ", plain)
    return " ".join(parted.lower().split())
