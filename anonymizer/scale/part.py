"""Part: some columns of some rows of one table, as the scaler reads and replaces them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from anonymizer.cells import Cells
from anonymizer.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from anonymizer.column import Table
    from anonymizer.dumps.base import Block, Codec

Bools: TypeAlias = "NDArray[np.bool_]"
Words: TypeAlias = "NDArray[np.uint64]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Values of *count* rows, by column; where *nulls* says so, the value means nothing."""

    count: int
    values: Mapping[str, Cells]
    nulls: Mapping[str, Bools]

    @classmethod
    def of(cls, rows: Sequence[Sequence[bytes | None]], columns: Sequence[str]) -> Part:
        """Return the part that *rows*, each with a value for every one of *columns*, make up."""
        values, nulls = {}, {}
        for place, name in enumerate(columns):
            listed = [row[place] for row in rows]
            values[name] = Cells.of(each or b"" for each in listed)
            nulls[name] = np.array([each is None for each in listed], bool)
        return cls(count=len(rows), values=values, nulls=nulls)

    @classmethod
    def read(
        cls,
        block: Block,
        codec: Codec,
        *,
        table: Table,
        columns: Sequence[str],
        wanted: Iterable[str],
    ) -> Part:
        """Return the *wanted* ones of the *columns* that *block* has fields of.

        Raises PolicyError when one of them is not among those.
        """
        wanted = tuple(wanted)
        if absent := [each for each in wanted if each not in columns]:
            raise PolicyError(
                f"{table.name} is scaled by {absent[0]!r}, which the data does not have",
                hint="dump the column as well",
            )
        values, nulls = {}, {}
        for name in wanted:
            place, column = columns.index(name), table.column(name)
            assert column is not None  # noqa: S101 - what is wanted comes from the table
            starts = np.ascontiguousarray(block.starts[:, place])
            ends = np.ascontiguousarray(block.ends[:, place])
            fields = Cells(data=block.data, starts=starts, ends=ends)
            null = nulls[name] = codec.is_null(fields)
            there = np.flatnonzero(~null)
            values[name] = spread(codec.decode(fields.take(there), column.kind), there, len(fields))
        return cls(count=len(block.starts), values=values, nulls=nulls)

    def there(self, name: str) -> tuple[NDArray[np.int64], Cells]:
        """Return the rows that have a value in the column called *name*, and the values."""
        rows = np.flatnonzero(~self.nulls[name])
        return rows, self.values[name].take(rows)

    def full(self, columns: Iterable[str]) -> Bools:
        """Return which rows have a value in each of *columns*."""
        found = np.ones(self.count, bool)
        for name in columns:
            found &= ~self.nulls[name]
        return found

    def take(self, which: NDArray[np.generic]) -> Part:
        """Return the rows that *which*, numbers or a mask of booleans, chooses."""
        values = {name: cells.take(which) for name, cells in self.values.items()}
        nulls = {name: null[which] for name, null in self.nulls.items()}
        count = int(which.sum()) if which.dtype == np.bool_ else len(which)
        return Part(count=count, values=values, nulls=nulls)


def spread(values: Cells, rows: NDArray[np.int64], count: int) -> Cells:
    """Return *count* values: *values* in the places *rows*, empty ones elsewhere."""
    if len(rows) == count:
        return values
    starts, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    starts[rows], ends[rows] = values.starts, values.ends
    return Cells(data=values.data, starts=starts, ends=ends)
