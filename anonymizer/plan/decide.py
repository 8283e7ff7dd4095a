"""Decide: one decision for each column, by what is said of it and of what it refers to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymizer.finding import Finding
from anonymizer.markup import KEEP, Decision
from anonymizer.plan.links import Links, Spot
from anonymizer.policy.words import options_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anonymizer.finding import Severity
    from anonymizer.plan.draft import Draft, DraftTable
    from anonymizer.policy.decisions import Said


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decider:
    """Drafts and the links between them."""

    tables: Sequence[DraftTable]
    links: Links
    drafts: Mapping[Spot, Draft]
    _known: dict[Spot, Said | None] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Sequence[DraftTable], default_schema: str | None = None) -> Decider:
        """Return what decides on *tables*."""
        drafts = {Spot(table.name, each.name): each for table in tables for each in table.columns}
        return cls(tables=tables, links=Links.of(tables, default_schema), drafts=drafts)

    def said(self, spot: Spot) -> Said | None:
        """Return what is decided on the column *spot*, and where.

        What is said of itself goes first, then what it refers to, then what is said of
        columns like it.
        """
        if spot not in self._known:
            # A key that leads back to itself decides nothing.
            self._known[spot] = None
            self._known[spot] = self._said(spot)
        return self._known[spot]

    def _said(self, spot: Spot) -> Said | None:
        draft = self.drafts.get(spot)
        if draft is not None and draft.said is not None:
            return draft.said
        for target in self.links.to.get(spot, ()):
            found = self.said(target)
            if found is not None:
                return found
        return None if draft is None else draft.default

    def findings(self) -> Iterator[Finding]:
        """Yield the columns without a decision, and the decisions that contradict each other."""
        for spot, target in self.links.unknown:
            message = f"it refers to {target}, which neither models nor policy know"
            hint = "decide alike on both, with one domain="
            yield _finding("reference", spot, f"{message}: {hint}", "warning")
        for spot, draft in self.drafts.items():
            said = self.said(spot)
            if said is None:
                yield from self._undecided(spot)
                continue
            yield from self._contradicted(spot, draft, said)
            yield from self._of_its_row(spot, said)

    def _undecided(self, spot: Spot) -> Iterator[Finding]:
        root = self.links.root(spot)
        if root != spot and self.said(root) is None and root in self.drafts:
            return
        others = [each for each in self.links.group(spot) if each != spot]
        message = "no decision is made on it"
        decided = [each for each in others if self.said(each) is not None]
        if decided:
            said = self.said(decided[0])
            message += f", but {decided[0]} refers to it: {spelled(said) if said else ''}"
        elif others:
            message += f", nor on what refers to it: {', '.join(map(str, others))}"
        yield _finding("undecided", spot, message)

    def _contradicted(self, spot: Spot, draft: Draft, said: Said) -> Iterator[Finding]:
        if said.decision.mask == "null" and draft.nullable:
            return  # A key that refers to nothing is still right.
        for target in self.links.to.get(spot, ()):
            other = self.said(target)
            if other is not None and not is_alike(said.decision, other.decision):
                message = (
                    f"it is decided {spelled(said)} at {said.place}, and {target}, to which it"
                    f" refers, {spelled(other)} at {other.place}"
                )
                yield _finding("contradiction", spot, message)

    def _of_its_row(self, spot: Spot, said: Said) -> Iterator[Finding]:
        """Yield that others cannot follow a key that is masked by its row."""
        subject = said.decision.options.get("subject")
        group = self.links.group(spot)
        if subject is None or len(group) == 1 or self.links.root(spot) != spot:
            return
        others = ", ".join(str(each) for each in group if each != spot)
        message = f"it is drawn from {subject} of its row, which {others} cannot follow"
        yield _finding("contradiction", spot, f"{message}; leave subject= out")


def is_alike(first: Decision, second: Decision) -> bool:
    """Return whether both do the same to a value; a domain that one leaves out is the other's."""
    domains = {first.domain, second.domain} - {None}
    return first.mask == second.mask and first.options == second.options and len(domains) <= 1


def spelled(said: Said) -> str:
    """Return the decision as the markup writes it."""
    return spell(said.decision)


def spell(decision: Decision) -> str:
    """Return *decision* as the markup writes it."""
    if decision.mask == KEEP:
        return f"public({_value(decision.why)})"
    options = {**options_of(decision), **({"domain": decision.domain} if decision.domain else {})}
    said = ", ".join(f"{name}={_value(value)}" for name, value in options.items())
    return f"mask.{decision.mask}({said})"


def _value(value: object) -> str:
    if isinstance(value, Decision):
        return spell(value)
    if isinstance(value, dict):
        pairs = (f"{_value(key)}: {_value(each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, str) and value.isprintable() and not {'"', "\\"} & set(value):
        return f'"{value}"'
    return repr(value)


def _finding(rule: str, spot: Spot, message: str, severity: Severity = "error") -> Finding:
    return Finding(
        rule=rule, severity=severity, table=spot.table, column=spot.column, message=message
    )
