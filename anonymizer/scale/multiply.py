"""Multiplier: the same rows again and again, with keys and references of their own.

Copy 0 is the original. In each other copy every column of a class that moves has other values,
so that a row refers to the rows of its own copy: as many rows refer to each as before. Tables
that are there *once* are in copy 0 alone, and all copies refer to it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anonymizer.errors import DumpError, PolicyError
from anonymizer.scale.part import spread
from anonymizer.scale.rekey import (
    MOST_DIGITS,
    SUFFIX,
    Extent,
    Rekey,
    extent_of,
    mask_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from anonymizer.cells import Cells
    from anonymizer.column import TableName
    from anonymizer.key import Key
    from anonymizer.scale.classes import Move, Place
    from anonymizer.scale.part import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """Changes keys, copy by copy. It is picklable: processes share the work."""

    copies: int
    once: frozenset[TableName]
    moves: tuple[Move, ...]
    key: Key

    def copies_of(self, name: TableName) -> range:
        """Return the numbers of the copies of a table."""
        return range(1 if name in self.once else self.copies)

    def measures(self, name: TableName) -> tuple[str, ...]:
        """Return the columns to be measured in a first reading."""
        return tuple(
            column
            for move in self.moves
            for column in move.columns.get(name, ())
            if (name, column) in move.measured and move.rule not in {"uuid", "mask"}
        )

    def needs(self, name: TableName) -> tuple[str, ...]:
        """Return the columns of which `columns` needs the values: keys and references."""
        return tuple(column for move in self.moves for column in move.columns.get(name, ()))

    def measure(self, name: TableName, part: Part) -> Mapping[Place, Extent]:
        """Return the extent of each class in *part*; `united` puts several together."""
        found: dict[Place, Extent] = {}
        measured = self.measures(name)
        for move in self.moves:
            for column in move.columns.get(name, ()):
                if column in measured:
                    with _placed(name, column):
                        extent = extent_of(move.rule, part.there(column)[1])
                    found[move.name] = found.get(move.name, Extent()) | extent
        return found

    def check(self, extents: Mapping[Place, Extent]) -> None:
        """Raise PolicyError when a column has no room for so many copies, with what would fit."""
        fits = {move.name: _fits(move, extents.get(move.name, Extent())) for move in self.moves}
        problems = [
            f"{table}.{column} has room for {most} copies"
            for (table, column), most in fits.items()
            if most is not None and most < self.copies
        ]
        if problems:
            most = min(each for each in fits.values() if each is not None)
            raise PolicyError(
                f"the keys of {self.copies} copies do not fit",
                problems=sorted(problems),
                hint=f"scale by {most} at the most, or say another rule"
                if most > 1
                else "say another rule for the column",
            )

    def columns(
        self, name: TableName, copy: int, part: Part, extents: Mapping[Place, Extent]
    ) -> Mapping[str, Cells]:
        """Return the columns of *part* that have other values in *copy*; NULL stays NULL."""
        found = {}
        for move in self.moves if copy else ():
            if move.rule == "mask":
                continue
            extent = extents.get(move.name, Extent())
            for column in move.columns.get(name, ()):
                rows, values = part.there(column)
                rekey = Rekey(
                    rule=move.rule,
                    key=self.key,
                    copy=copy,
                    extent=extent,
                    binary=move.binary,
                    strict=(name, column) in move.measured,
                )
                with _placed(name, column):
                    new = rekey(values)
                found[column] = spread(new, rows, part.count)
        return found

    def mask_key(self, name: TableName, column: str, copy: int, key: bytes) -> bytes:
        """Return the key to bind the mask of a column with in *copy*, where its own is *key*."""
        for move in self.moves:
            if move.rule == "mask" and column in move.columns.get(name, ()):
                return mask_key(key, copy)
        return key

    def sequence(
        self, name: TableName, column: str, last: int, extents: Mapping[Place, Extent]
    ) -> int:
        """Return the last value of the sequence of a column, where it was *last*.

        It is beyond the numbers of all copies: for setval, RESTART, and, one more, AUTO_INCREMENT.
        """
        for move in self.moves:
            extent = extents.get(move.name, Extent())
            moved = move.rule == "shift" and column in move.columns.get(name, ())
            if moved and extent.most is not None:
                return max(last, extent.most + (self.copies - 1) * extent.stride)
        return last


def united(extents: Iterable[Mapping[Place, Extent]]) -> Mapping[Place, Extent]:
    """Return the extents of all parts, from those of each."""
    found: dict[Place, Extent] = {}
    for each in extents:
        for name, extent in each.items():
            found[name] = found.get(name, Extent()) | extent
    return found


def _fits(move: Move, extent: Extent) -> int | None:
    """Return how many copies of a class there can be; None when there is no limit."""
    if move.rule == "suffix":
        tight = move.room is not None and extent.longest + SUFFIX > move.room
        return 1 if tight else None
    if extent.most is None or move.rule not in {"shift", "digits"}:
        return None
    if move.rule == "shift":
        room = (1 << (move.bits - 1)) - 1
    elif extent.shortest != extent.longest or extent.longest > MOST_DIGITS:
        return 1
    else:
        room = 10**extent.longest - 1
    return 1 + (room - extent.most) // extent.stride


@contextmanager
def _placed(table: TableName, column: str) -> Iterator[None]:
    """Say in a DumpError of which column it is."""
    try:
        yield
    except DumpError as error:
        raise DumpError(
            f"column {column}: {error.message}", table=str(table), hint=error.hint
        ) from error
