"""Sampler: which rows stay when a database is made smaller, and where NULL has to be written.

Each row of a root draws a number by a keyed hash of its key, and stays if and only if it is
below the share that was asked for. So the same key keeps the same rows, of every dump of the
database, and a smaller share keeps some of the rows that a larger one keeps. Whether a row of
a root stays is said by whatever refers to it, without having seen it. Only of tables that
refer and are referred to themselves must the rows that stay be known beforehand: `learns` names
them, and `anonymizer.scale.learn` takes what `look` finds in a first reading of the source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.errors import PolicyError
from anonymizer.scale.prints import ABSENT, Fingerprints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.column import Table, TableName
    from anonymizer.key import Key
    from anonymizer.scale.learn import Known
    from anonymizer.scale.part import Bools, Part, Words
    from anonymizer.scale.ways import Link, Way

FULL = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """What becomes of rows of one table."""

    rows: Bools
    """Which of them stay."""
    emptied: Mapping[str, Bools] = field(default_factory=dict)
    """Columns, and in which rows NULL is to be written."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What is seen of rows that may stay: small, and picklable, so that workers may look."""

    table: TableName
    prints: Words
    """Shape (rows, keys + references): of each key that is to be known, and of what each
    followed reference refers to whose end is not known without having seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """Chooses rows. It holds nothing of a row, and is picklable: processes share the work."""

    ways: Mapping[TableName, Way]
    share: float
    """Of the rows of a root that stay: above 0, below 1."""
    key: Key
    fold: bool = False
    """Whether the database compares text without regard to case, as MySQL does by default."""

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise PolicyError(f"a share of {self.share}, expected more than 0 and less than 1")

    @property
    def learns(self) -> tuple[TableName, ...]:
        """The tables to be looked at in a first reading, best in this order; often none."""
        return tuple(name for name, way in self.ways.items() if way.learnt)

    def needs(self, name: TableName) -> tuple[str, ...]:
        """Return the columns of which `keep` and `look` need the values."""
        return self.ways[name].needs

    def keep(self, name: TableName, part: Part, known: Known) -> Kept:
        """Return which rows of *part* stay, and where NULL is written."""
        way = self.ways[name]
        rows = np.ones(part.count, bool)
        if not way.whole:
            bound = np.zeros(part.count, bool)
            for link in way.follows:
                stays, refers = self._stays(way, link, part, known)
                rows &= stays | ~refers
                bound |= refers
            rows = self._drawn(way, part, rows, bound)
        emptied: dict[str, Bools] = {}
        for link in way.cuts:
            stays, refers = self._stays(way, link, part, known)
            for column in link.emptied:
                gone = refers & ~stays
                emptied[column] = emptied[column] | gone if column in emptied else gone
        return Kept(rows=rows, emptied=emptied)

    def look(self, name: TableName, part: Part) -> Looked:
        """Return what has to be known of the rows of *part* that may stay."""
        way = self.ways[name]
        rows, bound = np.ones(part.count, bool), np.zeros(part.count, bool)
        referring = []
        for link in way.follows:
            if link.drawn:
                refers = part.full(link.columns)
                rows &= self._draws(link.table, way.table, part, link.columns) | ~refers
            else:
                referring.append(self._referring(way, link, part))
                refers = referring[-1] != ABSENT
            bound |= refers
        rows = self._drawn(way, part, rows, bound)
        chosen = part.take(rows)
        keys = [self._prints().of(chosen, way.table, key) for key in way.learnt]
        return Looked(
            table=name, prints=np.stack([*keys, *(each[rows] for each in referring)], axis=1)
        )

    def _drawn(self, way: Way, part: Part, rows: Bools, bound: Bools) -> Bools:
        """Return which of *rows* stay when those that are not *bound* draw for themselves."""
        drawing = np.flatnonzero(rows if way.draws else rows & ~bound)
        if len(drawing):
            chosen = part if len(drawing) == part.count else part.take(drawing)
            rows[drawing] = self._draws(way.table.name, way.table, chosen, way.identity)
        return rows

    def _stays(self, way: Way, link: Link, part: Part, known: Known) -> tuple[Bools, Bools]:
        """Return where the row that *link* refers to stays, and where there is one."""
        if link.drawn and link.table != way.table.name:
            stays = self._draws(link.table, way.table, part, link.columns)
            return stays, part.full(link.columns)
        prints = self._referring(way, link, part)
        if link.drawn:
            stays = self._draws(link.table, way.table, part, link.columns)
        else:
            stays = known.holds(link.table, link.key, prints)
        return stays, prints != ABSENT

    def _referring(self, way: Way, link: Link, part: Part) -> Words:
        """Return the fingerprint of what each row refers to; a row itself is nothing else."""
        prints = self._prints().of(part, way.table, link.columns)
        if link.table == way.table.name:
            prints[prints == self._prints().of(part, way.table, link.key)] = ABSENT
        return prints

    def _prints(self) -> Fingerprints:
        return Fingerprints(self.key.derive("scale fingerprint"), fold=self.fold)

    def _draws(self, root: TableName, table: Table, part: Part, columns: tuple[str, ...]) -> Bools:
        """Return which rows of *root* stay that *columns* of *table* name."""
        prints = Fingerprints(self.key.derive(f"scale draw {root}"), fold=self.fold)
        limit = np.uint64(min(int(self.share * FULL), FULL - 1))
        drawn: Bools = prints.of_rows(part, table, columns) < limit
        return drawn
