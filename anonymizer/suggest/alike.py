"""Columns that say by their name which key they hold, though no foreign key leads there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from anonymizer.plan.domains import UNMASKED, domain_of
from anonymizer.plan.links import Spot
from anonymizer.suggest.detector import Suggestion, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.plan import Outline
    from anonymizer.plan.draft import Draft, DraftTable

_CONFIDENCE = 0.65


def keys_by_name(made: Outline) -> dict[str, Spot]:
    """Return what a column may be called, as "user id" → the key of one column it would hold."""
    found: dict[str, Spot] = {}
    for table in made.drafts:
        key = table.uniques[0].columns if table.uniques else ()
        if len(key) == 1:
            for name in _singular(words_of(table.name.name)):
                found.setdefault(f"{name} {words_of(key[0])}", Spot(table.name, key[0]))
    return found


def named_key(
    made: Outline,
    table: DraftTable,
    column: Draft,
    keys: Mapping[str, Spot],
    proposed: Mapping[Spot, Suggestion],
) -> Suggestion | None:
    """Return that *column* is decided as the key whose name it has, in the domain of that."""
    target = keys.get(words_of(column.name))
    known = made.decider.drafts.get(target) if target is not None else None
    if target is None or known is None or target == Spot(table.name, column.name):
        return None
    said = made.decider.said(target)
    if said is None and target not in proposed:
        return None
    decision = said.decision if said is not None else proposed[target].decision
    is_drawn = decision.options.get("subject") is not None
    if known.facts.kind is not column.facts.kind or is_drawn or decision.mask in UNMASKED:
        return None
    domain = domain_of(decision, made.root(target), str)
    reason = f"its name says {target}, to which no foreign key leads: one domain masks both alike"
    return Suggestion(
        decision=replace(decision, domain=domain), reasons=(reason,), confidence=_CONFIDENCE
    )


def _singular(name: str) -> Iterator[str]:
    """Yield *name* and what it may be the plural of."""
    yield name
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if name.endswith(ending):
            yield f"{name.removesuffix(ending)}{instead}"
