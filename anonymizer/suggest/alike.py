"""Columns that say by their name, or their values, which key they hold without a foreign key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from anonymizer.markup import KEEP, Decision
from anonymizer.plan.domains import UNMASKED, domain_of
from anonymizer.plan.links import Spot, normal
from anonymizer.suggest.detector import Suggestion, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anonymizer.column import TableName
    from anonymizer.plan import Outline
    from anonymizer.plan.draft import Draft, DraftTable

_NAMED, _SEEN, _BOTH = 0.65, 0.6, 0.8
_OF_ITS_TABLE = frozenset(
    {
        *("ancestor", "boss", "chef", "copied from", "duplicate of", "eltern", "in reply to"),
        *("lead", "manager", "merged into", "next", "original", "padre", "parent"),
        *("predecessor", "previous", "replaced by", "replaces", "reply to", "reports to", "root"),
        *("successor", "superior", "supervisor", "vorgesetzter"),
    }
)
"""What a row calls another row of its own table."""
_ENDS = (" id", " ref", " fk", " key", " no", " number", " uuid")
_LEAST = 3
"""Different values that have to be keys, where nothing but them says of which table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of one column in a plan, what may be called after them, and some of their values."""

    made: Outline
    samples: Mapping[TableName, Mapping[str, Sequence[str]]]
    """By names without the schema that is meant."""
    by_name: Mapping[str, Spot]
    """What a column may be called, as "user id" or "user" → the key that it would hold."""
    spots: tuple[Spot, ...]

    @classmethod
    def of(cls, made: Outline, samples: Mapping[TableName, Mapping[str, Sequence[str]]]) -> Keys:
        """Return the keys of all tables of *made*."""
        found: dict[str, Spot] = {}
        spots = []
        for table in made.drafts:
            key = table.uniques[0].columns if table.uniques else ()
            if len(key) != 1:
                continue
            spots.append(Spot(table.name, key[0]))
            for name in _singular(words_of(table.name.name)):
                found.setdefault(f"{name} {words_of(key[0])}", spots[-1])
                found.setdefault(name, spots[-1])
                if words_of(key[0]).startswith(f"{name} "):
                    found.setdefault(words_of(key[0]), spots[-1])
        return cls(made=made, samples=samples, by_name=found, spots=tuple(spots))

    def held_by(
        self, table: DraftTable, column: Draft, proposed: Mapping[Spot, Suggestion]
    ) -> Suggestion | None:
        """Return that *column* is decided as the key that it holds, in the domain of that."""
        spot = Spot(table.name, column.name)
        target, reason, confidence = self._target(spot, column)
        if target is None or spot in self.spots:
            return None
        alike = self._alike(target, proposed)
        if alike is None or self.made.decider.drafts[target].facts.kind is not column.facts.kind:
            return None
        return Suggestion(decision=alike, reasons=(reason,), confidence=confidence)

    def _alike(self, target: Spot, proposed: Mapping[Spot, Suggestion]) -> Decision | None:
        """Return what masks as *target* is masked; None where nothing follows it."""
        said = self.made.decider.said(target)
        suggested = proposed[target].decision if target in proposed else Decision(mask="null")
        decision = said.decision if said is not None else suggested
        if decision.mask == KEEP:
            return Decision(mask=KEEP, why=f"it refers to {target}, which is public")
        if decision.mask in UNMASKED or decision.options.get("subject") is not None:
            return None
        return replace(decision, domain=domain_of(decision, self.made.root(target), str))

    def _target(self, spot: Spot, column: Draft) -> tuple[Spot | None, str, float]:
        """Return the key that *column* holds, why, and how sure that is."""
        name = words_of(column.name)
        instead = "no foreign key leads there: one domain masks both alike"
        named, is_plain = self._by_name(spot, name)
        seen = self._by_values(spot, column)
        if named is not None and named in seen:
            return named, f"its name says {named}, and its values are keys of it; {instead}", _BOTH
        if named is not None and not is_plain:
            return named, f"its name says {named}; {instead}", _NAMED
        if len(seen) == 1 and _refers(name):
            return seen[0], f"its values are keys of {seen[0]}; {instead}", _SEEN
        return None, "", 0.0

    def _by_name(self, spot: Spot, name: str) -> tuple[Spot | None, bool]:
        """Return the key that *name* says; and whether it says a table only, as "order"."""
        own = next((each for each in self.spots if each.table == spot.table), None)
        if own is not None and name.removesuffix(" id") in _OF_ITS_TABLE:
            return own, False
        ends = [
            each
            for each in self.by_name
            if name == each or (each.endswith(_ENDS) and name.endswith(f" {each}"))
        ]
        if not ends:
            return None, False
        best = max(ends, key=len)
        return self.by_name[best], not best.endswith(_ENDS)

    def _by_values(self, spot: Spot, column: Draft) -> list[Spot]:
        """Return the keys of which the values of *column* are a part."""
        values = self._sample(spot)
        if len(values) < _LEAST:
            return []
        kinds = self.made.decider.drafts
        return [
            each
            for each in self.spots
            if kinds[each].facts.kind is column.facts.kind and values <= self._sample(each)
        ]

    def _sample(self, spot: Spot) -> frozenset[str]:
        table = normal(spot.table, self.made.plan.default_schema)
        return frozenset(self.samples.get(table, {}).get(spot.column, ()))


def _refers(name: str) -> bool:
    return name.endswith(_ENDS) or name.removesuffix(" id") in _OF_ITS_TABLE


def _singular(name: str) -> Iterator[str]:
    """Yield *name* and what it may be the plural of."""
    yield name
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if name.endswith(ending):
            yield f"{name.removesuffix(ending)}{instead}"
