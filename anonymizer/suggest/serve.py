"""Whether a mask can serve a column, and what can where the best guess cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.column import Column, Kind
from anonymizer.errors import PolicyError
from anonymizer.markup import INFO, mask
from anonymizer.masks.base import Distinct
from anonymizer.masks.find import mask_of
from anonymizer.suggest.detector import Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.suggest.detector import Asked

_EMPTY = {
    Kind.NUMBER: 0,
    Kind.INTEGER: 0,
    Kind.BOOLEAN: False,
    Kind.DATE: "2000-01-01",
    Kind.DATETIME: "2000-01-01 00:00:00",
    Kind.TIME: "00:00:00",
    Kind.JSON: "null",
    Kind.ARRAY: "{}",
}


def serves(suggestion: Suggestion, asked: Asked) -> bool:
    """Return whether the mask can serve the column, and keeps unique what has to be."""
    facts = asked.facts
    column = Column(
        name=asked.name,
        kind=facts.kind,
        length=facts.length,
        bits=facts.bits,
        scale=facts.scale,
        nullable=asked.nullable,
        unique=asked.is_unique,
        decision=suggestion.decision,
        domain="",
    )
    if suggestion.decision.mask == "category" and facts.values:
        return True  # The plan tells it the values.
    try:
        found = mask_of(suggestion.decision)
    except PolicyError:
        return False
    is_lost = asked.is_unique and found.distinct(column) is Distinct.LOST
    return found.refuses(column) is None and not is_lost


def instead(asked: Asked) -> Iterator[Suggestion]:
    """Yield what is left for a column that no likely mask can serve, the best first."""
    unique = (mask.token(), mask.digits(), mask.integer(), mask.uuid(), mask.date())
    empty = mask.constant(_EMPTY.get(asked.facts.kind, ""))
    for markup in (*(unique if asked.is_unique else ()), mask.null(), empty):
        reason = "no other mask can serve it, by its type or because it is unique"
        yield Suggestion(decision=markup[INFO], reasons=(reason,), confidence=0.1)
