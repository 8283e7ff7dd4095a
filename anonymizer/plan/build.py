"""Build: the columns of a plan, from drafts on which is decided."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from anonymizer.column import Column, Kind, Table
from anonymizer.finding import Finding
from anonymizer.plan.decide import Decider, spell
from anonymizer.plan.domains import OF_THE_WORD, UNMASKED, domain_of, with_domains, word_of
from anonymizer.plan.links import Spot, normal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anonymizer.column import TableName
    from anonymizer.markup import Decision
    from anonymizer.plan.draft import Draft, DraftTable
    from anonymizer.plan.kinds import Facts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Builder:
    """Makes the tables of a plan; columns without a decision are left out."""

    decider: Decider
    default_schema: str | None = None

    def table(self, draft: DraftTable) -> Table:
        """Return the table of *draft*."""
        columns = [self._column(draft, each) for each in draft.columns]
        keys = [each.columns for each in draft.uniques if not each.is_expression]
        return Table(
            name=draft.name,
            columns=tuple(each for each in columns if each is not None),
            keys=tuple(dict.fromkeys(keys)),
            references=draft.references,
        )

    def _column(self, table: DraftTable, draft: Draft) -> Column | None:
        said = self.decider.said(Spot(table.name, draft.name))
        if said is None:
            return None
        decision = self._decided(Spot(table.name, draft.name), said.decision)
        facts = draft.facts
        return Column(
            name=draft.name,
            kind=facts.kind,
            length=facts.length,
            bits=facts.bits,
            scale=facts.scale,
            nullable=draft.nullable,
            unique=any(
                each.columns == (draft.name,) and not each.is_expression and not each.where
                for each in table.uniques
            ),
            decision=decision,
            domain=decision.domain or "",
        )

    def _decided(self, spot: Spot, decision: Decision) -> Decision:
        """Return *decision* as it is carried out: with its domain, and with what types say."""
        root = self.decider.links.root(spot)
        source = self.decider.drafts.get(root) or self.decider.drafts[spot]
        completed = _completed(decision, source.facts)
        named = [
            said.decision.domain
            for each in (root, *self.decider.links.group(spot))
            if (said := self.decider.said(each)) is not None and said.decision.domain is not None
        ]
        if completed.domain is None and named and completed.mask not in UNMASKED:
            completed = replace(completed, domain=named[0])

        def subject(column: str) -> str:
            return self._domain_of_subject(Spot(spot.table, column))

        domain = domain_of(completed, self._called(root), subject)
        return with_domains(completed, domain, subject)

    def _domain_of_subject(self, spot: Spot) -> str:
        """Return the domain of what words are drawn from: the key that it comes from."""
        said = self.decider.said(spot)
        if said is not None and said.decision.domain is not None:
            return said.decision.domain
        return self._called(self.decider.links.root(spot))

    def _called(self, spot: Spot) -> str:
        """Return the name of a column, alike whether its schema is said or only meant."""
        return str(Spot(normal(spot.table, self.default_schema), spot.column))

    def fitted(self, tables: Sequence[Table]) -> tuple[Table, ...]:
        """Return *tables* whose columns of one domain take the same: what the smallest takes.

        A permutation of 64 bits would not fit into a key of 32 that refers to it.
        """
        bits: dict[str, int] = {}
        lengths: dict[str, int] = {}
        for table in tables:
            for column in table.columns:
                if column.decision.mask not in UNMASKED:
                    _smallest(bits, self._same(table, column), column.bits)
                    _smallest(lengths, self._same(table, column), column.length)
        return tuple(
            replace(
                table,
                columns=tuple(
                    self._fitted(each, bits, lengths, self._same(table, each))
                    for each in table.columns
                ),
            )
            for table in tables
        )

    def _fitted(
        self, column: Column, bits: dict[str, int], lengths: dict[str, int], same: str
    ) -> Column:
        if column.decision.mask in UNMASKED:
            return column
        return replace(
            column,
            bits=bits[same] if column.bits else None,
            length=lengths[same] if column.length else None,
        )

    def _same(self, table: Table, column: Column) -> str:
        """Return what columns have in common that hold the same values, not only the same kind.

        A short column of e-mails does not cut those of all tables.
        """
        if column.decision.mask not in OF_THE_WORD:
            return column.domain
        return self._called(self.decider.links.root(Spot(table.name, column.name)))

    def disagreements(self, tables: Sequence[Table]) -> Iterator[Finding]:
        """Yield the columns that share a domain with others, and are masked otherwise."""
        shared: dict[str, list[tuple[TableName, Column]]] = defaultdict(list)
        for table in tables:
            for column in table.columns:
                decision = column.decision
                if decision.mask not in UNMASKED and decision.options.get("subject") is None:
                    shared[column.domain].append((table.name, column))
        for domain, columns in shared.items():
            (table_name, first), *others = columns
            for other_name, other in others:
                if _way(first.decision) != _way(other.decision):
                    message = (
                        f"it is of the domain {domain!r} and decided {spell(other.decision)}, but"
                        f" {table_name}.{first.name} of that domain {spell(first.decision)}"
                    )
                    yield Finding(
                        rule="domain", table=other_name, column=other.name, message=message
                    )


def _way(decision: Decision) -> tuple[object, ...]:
    """Return what two decisions of one domain must have in common."""
    return (word_of(decision), decision.options)


def _smallest(known: dict[str, int], domain: str, size: int | None) -> None:
    if size is not None:
        known[domain] = min(size, known.get(domain, size))


def _completed(decision: Decision, facts: Facts) -> Decision:
    """Return *decision* with what its mask would have to ask the type for."""
    options = dict(decision.options)
    if decision.mask == "category" and options.get("values") is None and facts.values:
        options["values"] = facts.values
    if decision.mask == "noise" and facts.kind is Kind.NUMBER and facts.precision is not None:
        # Otherwise the largest values would grow out of numeric(4, 2).
        scale = facts.scale or 0
        most = (10**facts.precision - 1) / 10**scale
        options["low"] = -most if options.get("low") is None else options["low"]
        options["high"] = most if options.get("high") is None else options["high"]
    return replace(decision, options=options)
