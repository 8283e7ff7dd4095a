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
        if way.whole:
            rows = np.ones(part.count, bool)
        else:
            rows, bound = self._free(way, part)
            for link in way.follows:
                stays, refers = self._stays(way, link, part, known)
                rows &= stays | ~refers
                bound |= refers
            rows &= bound | self._drawn(way, part)
        emptied: dict[str, Bools] = {}
        for link in way.cuts:
            stays, refers = self._stays(way, link, part, known)
            for column in link.emptied:
                emptied[column] = emptied.get(column, np.zeros(part.count, bool)) | (
                    refers & ~stays
                )
        return Kept(rows=rows, emptied=emptied)

    def look(self, name: TableName, part: Part) -> Looked:
        """Return what has to be known of the rows of *part* that may stay."""
        way = self.ways[name]
        rows, bound = self._free(way, part)
        columns = [self._prints().of(part, way.table, key) for key in way.learnt]
        for link in way.follows:
            if link.drawn:
                refers = self._prints().of(part, way.table, link.columns) != ABSENT
                rows &= self._draws(link.table, way.table, part, link.columns) | ~refers
            else:
                columns.append(self._referring(way, link, part))
                refers = columns[-1] != ABSENT
            bound |= refers
        rows &= bound | self._drawn(way, part)
        return Looked(table=name, prints=np.stack(columns, axis=1)[rows])

    def _free(self, way: Way, part: Part) -> tuple[Bools, Bools]:
        """Return which rows may stay so far, and which are bound to a row of another table."""
        rows = self._drawn(way, part) if way.draws else np.ones(part.count, bool)
        return rows, np.zeros(part.count, bool)

    def _drawn(self, way: Way, part: Part) -> Bools:
        return self._draws(way.table.name, way.table, part, way.identity)

    def _stays(self, way: Way, link: Link, part: Part, known: Known) -> tuple[Bools, Bools]:
        """Return where the row that *link* refers to stays, and where there is one."""
        prints = self._referring(way, link, part)
        refers = prints != ABSENT
        if link.drawn:
            return self._draws(link.table, way.table, part, link.columns), refers
        return known.holds(link.table, link.key, prints), refers

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
