"""Suggest: proposes decisions from names, types and a sample of values, with its reasons.

No value is ever shown: values are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.plan.draft import COMPUTED
from anonymizer.plan.links import Spot, normal
from anonymizer.suggest import money, network, people, places, rest, secret
from anonymizer.suggest.alike import Keys
from anonymizer.suggest.detector import Asked, Suggestion
from anonymizer.suggest.document import by_paths
from anonymizer.suggest.rest import by_type
from anonymizer.suggest.serve import instead, serves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anonymizer.column import TableName
    from anonymizer.plan import Outline
    from anonymizer.plan.draft import Draft, DraftTable

DETECTORS = (
    *money.DETECTORS,
    *network.DETECTORS,
    *people.DETECTORS,
    *secret.DETECTORS,
    *places.DETECTORS,
    *rest.DETECTORS,
)
"""Every detector; of two that are as certain the first counts."""

Samples: TypeAlias = "Mapping[TableName, Mapping[str, Sequence[str]]]"
_OF_A_PERSON = frozenset({"name", "first_name", "last_name", "email", "user_name"})
_ENOUGH = 0.5
"""Confidence from which a word counts as one of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A suggestion for one column."""

    table: TableName
    column: str
    in_model: bool
    suggestion: Suggestion


def propose(asked: Asked) -> Suggestion:
    """Return the best decision for a column that its mask can serve, at least a guess."""
    found = [each for detector in DETECTORS if (each := detector.suggest(asked)) is not None]
    inside = by_paths(asked, propose)
    found += [inside] if inside is not None else []
    best = sorted([*found, by_type(asked)], key=lambda each: -each.confidence)
    return next((each for each in [*best, *instead(asked)] if serves(each, asked)), best[0])


def suggest(
    made: Outline, samples: Samples | None = None, *, every: bool = False
) -> list[Proposal]:
    """Return a proposal for each column of *made* without a decision; with *every* for all.

    What refers to another column gets none: it follows that one.
    """
    default = made.plan.default_schema
    known = {normal(name, default): each for name, each in (samples or {}).items()}
    found = [
        proposal
        for table in made.drafts
        for proposal in _of_table(table, known.get(normal(table.name, default), {}))
    ]
    proposed = {Spot(each.table, each.column): each.suggestion for each in found}
    wanted = [each for each in found if _is_wanted(made, each, every=every)]
    return list(_as_keys(Keys.of(made, known), wanted, proposed))


def _as_keys(
    keys: Keys, wanted: Sequence[Proposal], proposed: Mapping[Spot, Suggestion]
) -> Iterator[Proposal]:
    """Yield the proposals, those of columns that hold a key as that key is."""
    tables = {each.name: each for each in keys.made.drafts}
    for each in wanted:
        column = keys.made.decider.drafts[Spot(each.table, each.column)]
        alike = keys.held_by(tables[each.table], column, proposed)
        yield each if alike is None else replace(each, suggestion=alike)


def suggest_for(
    table: TableName,
    columns: Sequence[Draft],
    samples: Mapping[str, Sequence[str]] | None = None,
    *,
    keys: Sequence[Sequence[str]] = (),
    in_model: bool = False,
) -> list[Proposal]:
    """Return a proposal for each of *columns* of a table, of whose *keys* the first counts most."""
    found = {
        each.name: propose(_asked(table, each, keys, (samples or {}).get(each.name, ())))
        for each in columns
    }
    if keys and len(keys[0]) == 1:
        found = _drawn_from(found, keys[0][0])
    return [
        Proposal(table=table, column=name, in_model=in_model, suggestion=each)
        for name, each in found.items()
    ]


def _of_table(table: DraftTable, samples: Mapping[str, Sequence[str]]) -> list[Proposal]:
    keys = [each.columns for each in table.uniques]
    in_model = table.source is not None
    return suggest_for(table.name, table.columns, samples, keys=keys, in_model=in_model)


def _is_wanted(made: Outline, proposal: Proposal, *, every: bool) -> bool:
    """Return whether the column is to be decided on by itself, and with *every* even again."""
    spot = Spot(proposal.table, proposal.column)
    said = made.decider.said(spot)
    is_computed = said is not None and said.place == COMPUTED.place
    return spot not in made.decider.links.to and not is_computed and (every or said is None)


def _asked(
    table: TableName, draft: Draft, keys: Sequence[Sequence[str]], sample: Sequence[str]
) -> Asked:
    return Asked(
        table=table.name,
        name=draft.name,
        facts=draft.facts,
        nullable=draft.nullable,
        is_key=bool(keys) and draft.name in keys[0],
        is_unique=any(list(each) == [draft.name] for each in keys),
        sample=sample,
    )


def _drawn_from(found: Mapping[str, Suggestion], key: str) -> dict[str, Suggestion]:
    """Return *found* with the words of one person drawn from the same subject, the row's key."""
    words = [
        name
        for name, each in found.items()
        if each.decision.mask in _OF_A_PERSON and each.confidence >= _ENOUGH and name != key
    ]
    if len(words) == 1:
        return dict(found)
    return {name: _drawn(each, key) if name in words else each for name, each in found.items()}


def _drawn(suggestion: Suggestion, key: str) -> Suggestion:
    options = {**suggestion.decision.options, "subject": key}
    return replace(suggestion, decision=replace(suggestion.decision, options=options))
