"""Learner: which rows of tables stay that other tables refer to, learnt in a first reading.

A row that stays is held as 64 bits for each key that is referred to: 8 bytes a row and key,
of the share that stays. Of a table whose parents are not known yet, all rows that may still
stay are held as 8 bytes for each key and reference, until they are. So a source that can give
tables in the order of `Sampler.learns`, and says when one is over, needs the least; a source
in any other order is read once all the same.

Two of 2⁶⁴ fingerprints may be the same by chance: with ten million rows that stay and a
hundred million that refer to such a table, one in 18,000 samples has a row too many.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.scale.prints import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anonymizer.cells import Places
    from anonymizer.column import TableName
    from anonymizer.scale.part import Bools, Words
    from anonymizer.scale.sample import Looked, Sampler
    from anonymizer.scale.ways import Key, Link, Way


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """The rows that stay, of tables that are referred to: sorted fingerprints of their keys."""

    kept: Mapping[tuple[TableName, Key], Words] = field(default_factory=dict)

    def holds(self, table: TableName, key: Key, prints: Words) -> Bools:
        """Return which of *prints* are those of rows that stay."""
        return _found_in(self.kept[table, key], prints)[1]

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return sum(each.nbytes for each in self.kept.values())


class Learner:
    """Takes what was looked at, in any order, and decides as soon as it can."""

    def __init__(self, sampler: Sampler) -> None:
        self._ways = {name: sampler.ways[name] for name in sampler.learns}
        self._kept: dict[tuple[TableName, Key], Words] = {}
        self._held: dict[TableName, list[Words]] = {name: [] for name in self._ways}
        self._over: set[TableName] = set()
        self._decided: set[TableName] = set()

    def add(self, looked: Looked) -> None:
        """Take rows of one table."""
        way = self._ways[looked.table]
        if looked.table in self._over:
            raise ValueError(f"rows of {looked.table} after the table was said to be over")
        self._held[looked.table].append(self._surviving(way, looked.prints))

    def close(self, name: TableName) -> None:
        """Say that no more rows of the table called *name* come: it need not be said."""
        self._over.add(name)
        self._decide()

    def settle(self) -> Known:
        """Return what is known when all tables have been read."""
        self._over.update(self._ways)
        self._decide()
        return Known(kept=self._kept)

    def _decide(self) -> None:
        """Decide on each circle of tables that are over and whose parents are decided."""
        again = True
        while again:
            again = False
            for name in self._ways:  # those first that others follow
                ready = name in self._over and name not in self._decided
                circle = self._circle(name) if ready else None
                if circle:
                    self._decide_on(circle)
                    again = True

    def _circle(self, name: TableName) -> set[TableName] | None:
        """Return *name* and what has to be decided with it; None when that is not over yet."""
        found: set[TableName] = set()
        left = [name]
        while left:
            each = left.pop()
            if each in found or each in self._decided:
                continue
            if each not in self._over:
                return None
            found.add(each)
            left += [link.table for link in _open(self._ways[each])]
        return found

    def _decide_on(self, circle: set[TableName]) -> None:
        """Keep the rows that refer only to rows that stay: the most that can."""
        held = {name: self._joined(name) for name in circle}
        alive = {name: np.ones(len(prints), bool) for name, prints in held.items()}
        edges = list(self._edges(held, alive))
        changed = True
        while changed:
            changed = False
            for child, parent, rows, at in edges:
                lost = rows[alive[child][rows] & ~alive[parent][at]]
                alive[child][lost] = False
                changed |= bool(len(lost))
        for name, prints in held.items():
            for place, key in enumerate(self._ways[name].learnt):
                column = prints[alive[name], place]
                column.sort()
                self._kept[name, key] = column
            self._decided.add(name)

    def _joined(self, name: TableName) -> Words:
        """Return all that is held of a table, without what refers to rows that are known to go."""
        way = self._ways[name]
        held, self._held[name] = self._held[name], []
        for at, prints in enumerate(held):
            held[at] = self._surviving(way, prints)
        width = len(way.learnt) + (0 if self._is_ready(way) else len(_open(way)))
        return np.concatenate([np.zeros((0, width), np.uint64), *held])

    def _surviving(self, way: Way, prints: Words) -> Words:
        """Return the rows of *prints* that do not refer to rows that are known to go.

        When nothing of what they refer to is unknown, their keys are all that is returned.
        """
        width = len(way.learnt)
        if prints.shape[1] == width:
            return prints
        rows = np.ones(len(prints), bool)
        for place, link in enumerate(_open(way), width):
            if link.table in self._decided:
                refers = prints[:, place] != ABSENT
                rows &= _found_in(self._kept[link.table, link.key], prints[:, place])[1] | ~refers
        return prints[rows, :width] if self._is_ready(way) else prints[rows]

    def _is_ready(self, way: Way) -> bool:
        return all(link.table in self._decided for link in _open(way))

    def _edges(
        self, held: Mapping[TableName, Words], alive: Mapping[TableName, Bools]
    ) -> Iterable[tuple[TableName, TableName, Places, Places]]:
        """Yield for each reference inside *held* the rows that refer and those referred to.

        A row that refers to none of them is not *alive* any more.
        """
        for name, prints in held.items():
            way = self._ways[name]
            for place, link in enumerate(_open(way), len(way.learnt)):
                if link.table not in held:
                    continue
                parents = held[link.table][:, self._ways[link.table].learnt.index(link.key)]
                order = np.argsort(parents)
                rows = np.flatnonzero(prints[:, place] != ABSENT)
                at, found = _found_in(parents[order], prints[rows, place])
                alive[name][rows[~found]] = False
                yield name, link.table, rows[found], order[at[found]]


def _open(way: Way) -> list[Link]:
    """Return the references that are followed and whose values alone do not say enough."""
    return [link for link in way.follows if not link.drawn]


def _found_in(kept: Words, prints: Words) -> tuple[Places, Bools]:
    """Return where each of *prints* is in *kept*, which is sorted, and whether it is there."""
    if not len(kept):
        return np.zeros(len(prints), np.int64), np.zeros(len(prints), bool)
    order = np.argsort(prints)  # neighbours are looked for one after the other: three times as fast
    at = np.empty(len(prints), np.int64)
    at[order] = np.searchsorted(kept, prints[order])
    np.minimum(at, len(kept) - 1, out=at)
    return at, kept[at] == prints
