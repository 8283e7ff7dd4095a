"""Ways: what decides on the rows of each table, as a sampler carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.scale.roles import arrows, emptied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anonymizer.column import Reference, Table, TableName
    from anonymizer.scale.roles import Roles

Key: TypeAlias = "tuple[str, ...]"
"""Columns of a key, sorted by name: a reference names them in an order of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A reference to a sampled table."""

    columns: tuple[str, ...]
    """In the order of *key*."""
    table: TableName
    key: Key
    drawn: bool
    """Whether its values alone say if the row that it refers to stays."""
    emptied: tuple[str, ...] = ()
    """Columns that become NULL when that row goes, of a reference that is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What decides on the rows of one table."""

    table: Table
    whole: bool
    draws: bool
    """Whether a row draws even if it refers to rows of sampled tables."""
    identity: tuple[str, ...]
    """What a row draws by: a key, or all columns where there is none."""
    follows: tuple[Link, ...]
    cuts: tuple[Link, ...]
    learnt: tuple[Key, ...]
    """Keys of which must be known which rows stay."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that have to be read."""
        links = [*self.follows, *self.cuts]
        names = [name for link in links for name in link.columns]
        names += [name for link in links if link.table == self.table.name for name in link.key]
        names += [] if self.whole else self.identity
        return tuple(dict.fromkeys([*names, *(name for key in self.learnt for name in key)]))


def ways_of(
    tables: Sequence[Table], rows: Mapping[TableName, int], roles: Roles
) -> Mapping[TableName, Way]:
    """Return the ways of *tables*, those first that others refer to."""
    identities = {table.name: _identity(table, tables, rows) for table in tables}
    live = [each for each in arrows(tables) if each[1].table not in roles.whole]
    follow = [each for each in live if each not in roles.cuts]
    following = {name for name, _ in follow}

    def link(table: Table, reference: Reference) -> Link:
        pairs = sorted(zip(reference.to, reference.columns, strict=True))
        key = tuple(to for to, _ in pairs)
        cut = (table.name, reference) in roles.cuts
        return Link(
            columns=tuple(column for _, column in pairs),
            table=reference.table,
            key=key,
            drawn=reference.table not in following and key == identities[reference.table],
            emptied=emptied(table, reference) if cut else (),
        )

    links = {
        table.name: [link(table, each) for name, each in live if name == table.name]
        for table in tables
    }
    unknown = {
        (each.table, each.key) for found in links.values() for each in found if not each.drawn
    }
    ways = {}
    for name in _order(tables, follow):
        table = next(each for each in tables if each.name == name)
        follows = tuple(each for each in links[name] if not each.emptied)
        ways[name] = Way(
            table=table,
            whole=name in roles.whole,
            draws=name in roles.roots and any(each.table != name for each in follows),
            identity=identities[name],
            follows=follows,
            cuts=tuple(each for each in links[name] if each.emptied),
            learnt=tuple(sorted(key for of, key in unknown if of == name)),
        )
    return ways


def keys_of(table: Table) -> list[tuple[str, ...]]:
    """Return every key of *table*, its primary key first, each once."""
    single = [(each.name,) for each in table.columns if each.unique]
    return list(dict.fromkeys([*table.keys, *single]))


def _identity(
    table: Table, tables: Sequence[Table], rows: Mapping[TableName, int]
) -> tuple[str, ...]:
    """Return the key that most rows refer to, of those that no row lacks, or else all columns."""
    never = {each.name for each in table.columns if not each.nullable}
    primary = table.keys[:1]
    keys = [tuple(sorted(key)) for key in keys_of(table) if never.issuperset(key) or key in primary]
    weights = dict.fromkeys(keys, 0)
    for name, reference in arrows(tables):
        key = tuple(sorted(reference.to))
        if reference.table == table.name and key in weights:
            weights[key] += 1 + rows.get(name, 0)
    if not keys:
        return tuple(each.name for each in table.columns)
    return max(keys, key=lambda key: (weights[key], -keys.index(key)))


def _order(
    tables: Sequence[Table], follow: Sequence[tuple[TableName, Reference]]
) -> list[TableName]:
    """Return the names of *tables*, those first that others follow, circles anywhere."""
    steps: dict[TableName, set[TableName]] = {table.name: set() for table in tables}
    for name, reference in follow:
        if name != reference.table:
            steps[name].add(reference.table)
    while True:
        try:
            return list(TopologicalSorter(steps).static_order())
        except CycleError as error:
            circle = error.args[1]
            steps[circle[1]].discard(circle[0])
