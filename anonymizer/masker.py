"""A masker: rows of one table in, the same rows with masked values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from anonymizer.cells import Cells, between, chosen
from anonymizer.errors import AnonymizerError, DumpError, LeakError, ValueRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from anonymizer.cells import Which
    from anonymizer.column import Column, Table
    from anonymizer.dumps.base import Block, Codec, Rows
    from anonymizer.masks.base import Replace

Text: TypeAlias = "bytes | memoryview"
Nulls: TypeAlias = "NDArray[np.bool_]"
Counts: TypeAlias = "Mapping[str, Count]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What was in one column: all values were replaced, and NULL stays NULL."""

    values: int = 0
    nulls: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(values=self.values + other.values, nulls=self.nulls + other.nulls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A column whose values are replaced."""

    column: Column
    replace: Replace | None
    """None when every value becomes NULL."""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Masker:
    """Masks rows of one table; *columns* names the fields of a row in their order."""

    table: Table
    columns: tuple[str, ...]
    masked: tuple[Masked, ...]
    """In the order of *columns*."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns whose values have to be read."""
        names = [each.column.name for each in self.masked if each.replace]
        return tuple(
            dict.fromkeys([*names, *(name for each in self.masked for name in each.needs)])
        )

    @property
    def cleared(self) -> tuple[str, ...]:
        """The columns of which every value becomes NULL."""
        return tuple(each.column.name for each in self.masked if each.replace is None)

    def mask_columns(
        self, values: Mapping[str, Cells], nulls: Mapping[str, Nulls]
    ) -> Mapping[str, Cells]:
        """Return the masked columns, from *values* of those that are needed.

        All have a value for each row; where *nulls* says so it means nothing.
        """
        found = {}
        for each in self.masked:
            if each.replace is None:
                continue
            name = each.column.name
            valid = _valid(nulls[name])
            others = {other: _without(values[other], nulls[other], valid) for other in each.needs}
            new = _replaced(each, values[name].take(valid), others, valid)
            found[name] = _spread(new, valid, len(nulls[name]))
        return found

    def rewrite(self, rows: Rows) -> tuple[Text, Counts]:
        """Return the text of *rows* with masked values, and what was in each masked column.

        What is kept stays as it is written. Raises DumpError, with table, line and byte, for a
        row that cannot be read.
        """
        try:
            block = rows.codec.parse(rows.data, len(self.columns))
            return self._rewritten(block, rows.codec)
        except DumpError as error:
            raise rows.placed(error) from error

    def _rewritten(self, block: Block, codec: Codec) -> tuple[Text, Counts]:
        if not len(block.starts) or not self.masked:
            return block.data.data, {}
        values, nulls = self._read(block, codec)
        try:
            new = self.mask_columns(values, nulls)
        except ValueRefusedError as error:
            raise self._found(error, block) from error
        changes, counts = [], {}
        for each in self.masked:
            name = each.column.name
            place = self.columns.index(name)
            null = nulls[name] if name in nulls else codec.is_null(_fields(block, place))
            which = _valid(null)
            count = len(null) - int(np.count_nonzero(null))
            if name in new:
                written = codec.encode(new[name].take(which), each.column.kind)
            else:
                written = _repeated(codec.null, count)
            changes.append((place, which, written))
            counts[name] = Count(values=count, nulls=len(null) - count)
        return _assembled(block, changes), counts

    def _found(self, error: ValueRefusedError, block: Block) -> DumpError:
        """Return *error* with the line and the byte of the value in *block*, if it says a row."""
        if error.row is None:
            return error
        byte = int(block.starts[error.row, self.columns.index(error.column)])
        line = int(np.count_nonzero(block.data[:byte] == ord("\n"))) + 1
        return DumpError(error.problem, line=line, byte=byte, hint=error.hint)

    def _read(self, block: Block, codec: Codec) -> tuple[Mapping[str, Cells], Mapping[str, Nulls]]:
        """Return the values of the columns that are needed, and which of them are NULL."""
        values, nulls = {}, {}
        for name in self.needed:
            fields = _fields(block, self.columns.index(name))
            column = self.table.column(name)
            assert column is not None  # noqa: S101 - a masker is made of known columns
            nulls[name] = codec.is_null(fields)
            valid = _valid(nulls[name])
            read = codec.decode(fields.take(valid), column.kind)
            values[name] = _spread(read, valid, len(fields))
        return values, nulls


def _replaced(masked: Masked, values: Cells, others: Mapping[str, Cells], rows: Which) -> Cells:
    """Return what *values*, that stand in *rows*, become.

    Raises ValueRefusedError for a value that the mask cannot serve.
    """
    assert masked.replace is not None  # noqa: S101 - asked before
    if not len(values):
        return values
    try:
        return masked.replace(values, others)
    except AnonymizerError as error:
        at = error.value if isinstance(error, LeakError) else None
        raise ValueRefusedError(
            error.message,
            column=masked.column.name,
            row=at if at is None or isinstance(rows, slice) else int(rows[at]),
            hint=error.hint,
        ) from error


def _fields(block: Block, place: int) -> Cells:
    starts = np.ascontiguousarray(block.starts[:, place])
    return Cells(data=block.data, starts=starts, ends=np.ascontiguousarray(block.ends[:, place]))


def _valid(null: Nulls) -> Which:
    """Return the rows in which a column is not NULL."""
    return np.flatnonzero(~null) if null.any() else slice(None)


def _spread(values: Cells, valid: Which, count: int) -> Cells:
    """Return *count* values: *values* in the places *valid*, empty ones elsewhere."""
    if isinstance(valid, slice):
        return values
    starts, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    starts[valid], ends[valid] = values.starts, values.ends
    return Cells(data=values.data, starts=starts, ends=ends)


def _without(values: Cells, null: Nulls, which: Which) -> Cells:
    """Return the values in the places *which*, those that are NULL empty."""
    chosen = values.take(which)
    ends = np.where(null[which], chosen.starts, chosen.ends)
    return Cells(data=chosen.data, starts=chosen.starts, ends=ends)


def _repeated(text: bytes, count: int) -> Cells:
    starts = np.zeros(count, np.int64)
    return Cells(data=np.frombuffer(text, np.uint8), starts=starts, ends=starts + len(text))


def _assembled(block: Block, changes: Sequence[tuple[int, Which, Cells]]) -> memoryview:
    """Return the text of *block* with the fields of *changes* replaced.

    The text is cut at each field that may change: its pieces and the new fields are one array,
    of which those that make up the rows are taken. So each byte is copied once or twice, in C.
    """
    rows, width = len(block.starts), 2 * len(changes)
    bounds = np.zeros(rows * width + 2, np.int64)
    bounds[-1] = block.data.size
    cuts = bounds[1:-1].reshape(rows, len(changes), 2)
    columns = [place for place, _, _ in changes]
    cuts[:, :, 0], cuts[:, :, 1] = (each.take(columns, 1) for each in (block.starts, block.ends))
    places = np.arange(rows * width + 1)
    pieces = places[1:].reshape(rows, len(changes), 2)
    arrays, held = [], len(places)
    for number, (_, which, written) in enumerate(changes):
        pieces[which, number, 0] = np.arange(held, held + len(written))
        arrays.append(written.to_arrow())
        held += len(written)
    taken = chosen(pa.concat_arrays([between(block.data, bounds), *arrays]), places)
    return memoryview(taken.buffers()[2] or b"")
