"""Scaler: a factor, smaller or larger than 1, carried out on rows in the order they come.

    scaler = Scaler.of(plan.tables, Size(factor=2.5, rows=counts), key=key, distinct=distinct)
    first = First(scaler)
    …first.add(scaler.look(name, part))…           a first reading of the tables in scaler.looks
    seen = first.seen()
    for copy in scaler.copies_of(name):            a second one, of all
        kept = scaler.keep(name, copy, part, seen)
        values = {**part.values, **scaler.columns(name, copy, part, seen)}

*values* are then masked, where `mask_key` says with another key, and what is in `kept.emptied`
is NULL; rows that are not in `kept.rows` are left out. A key that moves and is not masked has to
be written anew as well.

Who knows the factor and counts the rows knows how many there were: say a factor to nobody
from whom the size is to be hidden.

The source is read twice when `looks` names a table, and once when not. `look`, `keep` and
`columns` are functions of their arguments alone: they run in any process, for parts of any
size. `First.add` and `First.seen` run in one process, on what is small.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.errors import PolicyError
from anonymizer.scale.classes import crowded, moves_of
from anonymizer.scale.learn import Known, Learner
from anonymizer.scale.multiply import Multiplier, united
from anonymizer.scale.roles import Roles, Wishes, check_wishes, roles_of, whole_tables
from anonymizer.scale.sample import Kept, Sampler
from anonymizer.scale.ways import ways_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anonymizer.cells import Cells
    from anonymizer.column import Column, Table, TableName
    from anonymizer.key import Key
    from anonymizer.masks.base import Distinct
    from anonymizer.scale.classes import Place
    from anonymizer.scale.part import Part
    from anonymizer.scale.rekey import Extent
    from anonymizer.scale.sample import Looked

MOST = 1000
"""Largest factor that is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a database shall be, and what is said on how to get there."""

    factor: float
    rows: Mapping[TableName, int] = field(default_factory=dict)
    """How many rows each table has now: to find roots, and small tables."""
    wishes: Wishes = field(default_factory=Wishes)
    rules: Mapping[Place, str] = field(default_factory=dict)
    """Rules for columns of keys, where their kinds do not say one."""
    fold: bool = False
    """Whether the database compares text without regard to case, as MySQL does by default."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glimpse:
    """What was seen of one part in the first reading."""

    extents: Mapping[Place, Extent] = field(default_factory=dict)
    looked: Looked | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What is known after the first reading."""

    extents: Mapping[Place, Extent] = field(default_factory=dict)
    known: Known = field(default_factory=Known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """Copies that are whole, and perhaps one more of which a share stays."""

    whole_copies: int
    sampler: Sampler | None
    multiplier: Multiplier
    roles: Roles | None
    """What is drawn, what stays whole, what is cut; None when all copies are whole."""

    @classmethod
    def of(
        cls,
        tables: Sequence[Table],
        size: Size,
        *,
        key: Key,
        distinct: Callable[[Column], Distinct],
    ) -> Scaler:
        """Return what makes *tables* so large; *distinct* says what masks do to distinct values.

        Raises PolicyError when it cannot be done, with a line for each reason.
        """
        if not 0 < size.factor <= MOST:
            raise PolicyError(f"a factor of {size.factor}, expected more than 0 and up to {MOST}")
        check_wishes(tables, size.wishes)
        exact = Fraction(str(size.factor))
        share = exact % 1
        once = _once(tables, size)
        copies = int(exact) + bool(share)
        roles, sampler = None, None
        if share:
            # What is there once is not in a further copy: nothing becomes of references to it.
            left = [table for table in tables if exact < 1 or table.name not in once]
            roles = roles_of(left, size.rows, _of(left, size.wishes))
            ways = ways_of(left, size.rows, roles)
            sampler = Sampler(ways=ways, share=float(share), key=key, fold=size.fold)
        moves = (
            moves_of(tables, once=once, rules=size.rules, distinct=distinct) if copies > 1 else ()
        )
        multiplier = Multiplier(copies=copies, once=once, moves=moves, key=key)
        return cls(whole_copies=int(exact), sampler=sampler, multiplier=multiplier, roles=roles)

    @property
    def looks(self) -> tuple[TableName, ...]:
        """The tables to read first, best in this order; () when one reading will do."""
        learns = self.sampler.learns if self.sampler else ()
        tables = (table for move in self.multiplier.moves for table in move.columns)
        measured = (each for each in tables if self.multiplier.measures(each))
        return tuple(dict.fromkeys([*learns, *measured]))

    def look_needs(self, name: TableName) -> tuple[str, ...]:
        """Return the columns that `look` needs."""
        sampled = self.sampler.needs(name) if self.sampler and self._learns(name) else ()
        return tuple(dict.fromkeys([*sampled, *self.multiplier.measures(name)]))

    def needs(self, name: TableName) -> tuple[str, ...]:
        """Return the columns that `keep` and `columns` need."""
        sampled = self.sampler.needs(name) if self.sampler and not self._once(name) else ()
        return tuple(dict.fromkeys([*sampled, *self.multiplier.needs(name)]))

    def look(self, name: TableName, part: Part) -> Glimpse:
        """Return what has to be known of *part*."""
        looked = self.sampler.look(name, part) if self.sampler and self._learns(name) else None
        return Glimpse(extents=self.multiplier.measure(name, part), looked=looked)

    def copies_of(self, name: TableName) -> range:
        """Return the numbers of the copies of a table, 0 that of the original."""
        return self.multiplier.copies_of(name)

    def is_whole(self, name: TableName, copy: int) -> bool:
        """Return whether every row of a table is in *copy*, with all that it refers to."""
        if copy < self.whole_copies or self.sampler is None or self._once(name):
            return True
        way = self.sampler.ways[name]
        return way.whole and not way.cuts

    def keep(self, name: TableName, copy: int, part: Part, seen: Seen) -> Kept:
        """Return which rows of *part* are in *copy*, and where NULL is written."""
        if copy < self.whole_copies or self.sampler is None or self._once(name):
            return Kept(rows=np.ones(part.count, bool))
        return self.sampler.keep(name, part, seen.known)

    def columns(self, name: TableName, copy: int, part: Part, seen: Seen) -> Mapping[str, Cells]:
        """Return the columns of *part* that have other values in *copy*: before they are masked."""
        return self.multiplier.columns(name, copy, part, seen.extents)

    def mask_key(self, name: TableName, column: str, copy: int, key: bytes) -> bytes:
        """Return the key to bind the mask of a column with in *copy*, where its own is *key*."""
        return self.multiplier.mask_key(name, column, copy, key)

    def sequence(self, name: TableName, column: str, last: int, seen: Seen) -> int:
        """Return the last value of the sequence of a column, where it was *last*."""
        return self.multiplier.sequence(name, column, last, seen.extents)

    def _learns(self, name: TableName) -> bool:
        return self.sampler is not None and name in self.sampler.learns

    def _once(self, name: TableName) -> bool:
        return self.whole_copies > 0 and name in self.multiplier.once


class First:
    """Gathers what a first reading finds."""

    def __init__(self, scaler: Scaler) -> None:
        self._multiplier = scaler.multiplier
        self._learner = Learner(scaler.sampler) if scaler.sampler else None
        self._extents: Mapping[Place, Extent] = {}

    def add(self, glimpse: Glimpse) -> None:
        """Take what was seen of one part."""
        self._extents = united([self._extents, glimpse.extents])
        if self._learner and glimpse.looked:
            self._learner.add(glimpse.looked)

    def close(self, name: TableName) -> None:
        """Say that no more of the table called *name* comes: memory is spared; it may be left."""
        if self._learner:
            self._learner.close(name)

    def seen(self) -> Seen:
        """Return what is known now; raises PolicyError when so many copies do not fit."""
        self._multiplier.check(self._extents)
        known = self._learner.settle() if self._learner else Known()
        return Seen(extents=self._extents, known=known)


def _once(tables: Sequence[Table], size: Size) -> frozenset[TableName]:
    """Return the tables of which there is one copy: small ones, where that leaves room."""
    once = whole_tables(tables, size.rows, size.wishes)
    while more := crowded(tables, once) - size.wishes.whole:
        once -= more
    return once


def _of(tables: Sequence[Table], wishes: Wishes) -> Wishes:
    """Return what *wishes* says of *tables*."""
    names = {table.name for table in tables}
    return replace(
        wishes,
        whole=wishes.whole & names,
        cut=frozenset(each for each in wishes.cut if each[0] in names),
        follow=frozenset(each for each in wishes.follow if each[0] in names),
    )
