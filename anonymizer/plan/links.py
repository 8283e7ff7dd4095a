"""Links: which columns hold the same values, because a foreign key leads from one to the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from anonymizer.column import TableName
    from anonymizer.plan.draft import DraftTable


class Spot(NamedTuple):
    """A column of a table."""

    table: TableName
    column: str

    @override
    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def order(self) -> tuple[str, str, str]:
        """Where it stands among others."""
        return (self.table.schema or "", self.table.name, self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Foreign keys, column by column."""

    to: Mapping[Spot, tuple[Spot, ...]]
    """A column → those it refers to."""
    unknown: tuple[tuple[Spot, Spot], ...] = ()
    """Columns that refer to what nobody knows, and to what."""
    roots: Mapping[Spot, Spot] = field(default_factory=dict)
    """A column that takes part in a foreign key → the column where its values come from."""

    groups: Mapping[Spot, tuple[Spot, ...]] = field(default_factory=dict)
    """A root → all columns that have its values, itself among them."""

    @classmethod
    def of(cls, tables: Iterable[DraftTable], default_schema: str | None = None) -> Links:
        """Return the links between *tables*; in a schema not said is in the default one."""
        listed = list(tables)
        names = {normal(each.name, default_schema): each for each in listed}
        to: dict[Spot, tuple[Spot, ...]] = {}
        unknown = []
        for table in listed:
            for start, end in _pairs(table):
                target = names.get(normal(end.table, default_schema))
                if target is None or _has_not(target, end.column):
                    unknown.append((start, end))
                    continue
                to[start] = (*to.get(start, ()), Spot(target.name, end.column))
        roots = _roots(to)
        groups: dict[Spot, list[Spot]] = {}
        for spot in sorted(roots, key=lambda each: each.order):
            groups.setdefault(roots[spot], []).append(spot)
        return cls(
            to=to,
            unknown=tuple(unknown),
            roots=roots,
            groups={root: tuple(each) for root, each in groups.items()},
        )

    def root(self, spot: Spot) -> Spot:
        """Return where the values of *spot* come from: itself, when it refers to nothing."""
        return self.roots.get(spot, spot)

    def group(self, spot: Spot) -> tuple[Spot, ...]:
        """Return every column that holds values of the same root."""
        return self.groups.get(self.root(spot), (spot,))


def normal(name: TableName, default_schema: str | None = None) -> TableName:
    """Return *name* without the schema that is meant where none is said."""
    return name.within(default_schema)


def _pairs(table: DraftTable) -> Iterator[tuple[Spot, Spot]]:
    for reference in table.references:
        for column, target in zip(reference.columns, reference.to, strict=True):
            yield Spot(table.name, column), Spot(reference.table, target)


def _has_not(table: DraftTable, column: str) -> bool:
    return table.column(column) is None and column not in table.generated


def _roots(to: Mapping[Spot, tuple[Spot, ...]]) -> dict[Spot, Spot]:
    """Return for each column the root of all that are linked with it, in either direction.

    That is one that refers to nothing; where all refer to another, the first by name.
    """
    groups: dict[Spot, set[Spot]] = {}
    for start, ends in to.items():
        joined = set().union(*(groups.get(each, {each}) for each in (start, *ends)))
        groups.update(dict.fromkeys(joined, joined))
    roots = {}
    for spot, group in groups.items():
        ends_of_all = [each for each in group if each not in to] or list(group)
        roots[spot] = min(ends_of_all, key=lambda each: each.order)
    return roots
