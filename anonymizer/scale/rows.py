"""Rows of a dump, chosen and copied: their text again, with other keys and without those that go.

Where rows stand in INSERT statements, each piece becomes statements of its own: what stood
between two rows, a comma or the begin of the next statement, is not there any more when one
of them goes. No statement is longer than it was.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from anonymizer.cells import Cells
from anonymizer.dumps.inserts import Inserts
from anonymizer.errors import DumpError, PolicyError
from anonymizer.scale.part import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from anonymizer.column import Table, TableName
    from anonymizer.dumps.base import Block, Rows
    from anonymizer.scale.part import Bools
    from anonymizer.scale.scaler import Glimpse, Scaler, Seen
    from anonymizer.structure import Structure

    Places = NDArray[np.int64]

_SPACE, _END = b" ;"
_COMMA = b","


@dataclass(slots=True, kw_only=True)
class Rescaler:
    """Makes of rows those of all copies, and counts them."""

    structure: Structure
    scaler: Scaler
    seen: Seen
    rows: Counter[TableName] = field(default_factory=Counter)
    """How many rows each table has in what was written."""

    def __call__(self, rows: Rows) -> bytes | memoryview:
        """Return the text of all copies of *rows*.

        Raises DumpError for rows that cannot be read, PolicyError for a table that nobody knows.
        """
        if rows.table in self.structure.own:
            return rows.data
        table = known(self.structure, rows)
        block = parsed(rows)
        self.rows[table.name] += 0
        if not len(block.starts) or not self._touches(table.name):
            self.rows[table.name] += len(block.starts)
            return rows.data
        part = read(rows, block, table, self.scaler.needs(table.name))
        read_ = _Read(rows=rows, block=block, table=table, part=part)
        frame = _Frame.of(block, rows)
        copies = self.scaler.copies_of(table.name)
        texts = [self._copied(read_, frame, copy) for copy in copies]
        return frame.joined([each for each in texts if len(each)])

    def _touches(self, name: TableName) -> bool:
        """Return whether anything becomes of the rows of a table."""
        return len(self.scaler.copies_of(name)) > 1 or not self.scaler.is_whole(name, 0)

    def _copied(self, read_: _Read, frame: _Frame, copy: int) -> bytes | memoryview:
        """Return the text of the rows that are in *copy*."""
        name = read_.table.name
        with _placing(read_.rows):
            kept = self.scaler.keep(name, copy, read_.part, self.seen)
            new = self.scaler.columns(name, copy, read_.part, self.seen)
        which = np.flatnonzero(kept.rows)
        self.rows[name] += len(which)
        if not len(which):
            return b""
        changed = dict.fromkeys([*new, *kept.emptied])
        fields = {
            read_.rows.columns.index(each): read_.fields(
                each, which, new=new.get(each), emptied=kept.emptied.get(each)
            )
            for each in changed
        }
        return frame.text(which, sorted(fields.items(), key=lambda each: each[0]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Read:
    """Rows whose fields are found, and whose keys are read."""

    rows: Rows
    block: Block
    table: Table
    part: Part

    def fields(
        self, name: str, which: Places, *, new: Cells | None, emptied: Bools | None
    ) -> Cells:
        """Return the fields of a column in the rows *which*, as they are written now."""
        place, column = self.rows.columns.index(name), self.table.column(name)
        assert column is not None  # noqa: S101 - the scaler knows the tables from here
        starts = np.ascontiguousarray(self.block.starts[which, place])
        ends = np.ascontiguousarray(self.block.ends[which, place])
        data = [self.block.data]
        if new is not None:
            there = np.flatnonzero(~self.part.nulls[name][which])
            with _placing(self.rows):
                written = self.rows.codec.encode(new.take(which[there]), column.kind)
            starts[there] = written.starts + self.block.data.size
            ends[there] = written.ends + self.block.data.size
            data.append(written.data)
        if emptied is not None:
            gone, size = emptied[which], sum(each.size for each in data)
            null = np.frombuffer(self.rows.codec.null, np.uint8)
            starts[gone], ends[gone] = size, size + null.size
            data.append(null)
        return Cells(data=np.concatenate(data), starts=starts, ends=ends)


@contextmanager
def _placing(rows: Rows) -> Iterator[None]:
    """Have a DumpError in the body say where *rows* are in the dump."""
    try:
        yield
    except DumpError as error:
        raise (rows.placed(error) if error.table is None else error) from error


def known(structure: Structure, rows: Rows) -> Table:
    """Return the table of *rows*; raise PolicyError when nothing says what it is."""
    table = structure.find(rows.table) or (rows.part_of and structure.find(rows.part_of))
    if not table:
        raise PolicyError(
            f"table {rows.table} has rows, and nothing says its keys",
            hint="dump its definition too, or give --models",
        )
    return table


def parsed(rows: Rows) -> Block:
    """Return the fields of *rows*."""
    with _placing(rows):
        return rows.codec.parse(rows.data, len(rows.columns))


def read(rows: Rows, block: Block, table: Table, wanted: Sequence[str]) -> Part:
    """Return the *wanted* columns of *rows*."""
    with _placing(rows):
        return Part.read(block, rows.codec, table=table, columns=rows.columns, wanted=wanted)


def look(structure: Structure, scaler: Scaler, rows: Rows) -> tuple[TableName, Glimpse, int] | None:
    """Return what has to be known of *rows* before any are written; None when that is nothing.

    It is their table, what was seen of them, and how many they are.
    """
    if rows.table in structure.own:
        return None
    table = known(structure, rows)
    if table.name not in scaler.looks:
        return None
    part = read(rows, parsed(rows), table, scaler.look_needs(table.name))
    with _placing(rows):
        return table.name, scaler.look(table.name, part), part.count


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frame:
    """Where rows begin and end, and what stands around them."""

    block: Block
    begins: Places
    ends: Places
    statements: Places | None = None
    """The number of the statement that each row is in; None where there are no statements."""
    header: bytes = b""
    between: bytes = _COMMA
    """What stands between two rows of a statement."""
    tail: bytes = b""
    """What ends a statement."""
    is_last: bool = True
    """Whether a statement ends where these rows do."""

    @classmethod
    def of(cls, block: Block, rows: Rows) -> _Frame:
        """Return the frame of *rows*, whose fields are *block*."""
        begins, ends = block.starts[:, 0].copy(), block.ends[:, -1] + 1
        if not isinstance(rows.codec, Inserts):
            return cls(block=block, begins=begins, ends=ends)
        begins -= 1
        begins -= block.data[begins] == _SPACE
        marks = np.flatnonzero(block.data == _END)
        breaks = np.searchsorted(marks, begins[1:]) > np.searchsorted(marks, ends[:-1])
        behind = rows.data[int(ends[-1]) :].strip()
        is_last = behind.endswith(b";")
        tails = np.flatnonzero(breaks)[:1]
        inner = np.flatnonzero(~breaks)[:1]
        tail = behind if is_last else b";"
        if not is_last and len(tails):
            tail = _gap(rows.data, begins, ends, int(tails[0])).split(b";")[0].strip() + b";"
        return cls(
            block=block,
            begins=begins,
            ends=ends,
            statements=np.concatenate([[0], np.cumsum(breaks)]),
            header=rows.codec.header,
            between=_gap(rows.data, begins, ends, int(inner[0])) if len(inner) else _COMMA,
            tail=tail,
            is_last=is_last,
        )

    def joined(self, texts: Sequence[bytes | memoryview]) -> bytes | memoryview:
        """Return the *texts* of several copies, one behind the other."""
        if self.statements is None:
            return texts[0] if len(texts) == 1 else b"".join(texts)
        # A line end follows the last row of what was one statement, and no other.
        return b"\n".join(texts) + (b"" if self.is_last or not texts else b"\n")

    def text(self, which: Places, fields: Sequence[tuple[int, Cells]]) -> bytes | memoryview:
        """Return the text of the rows *which*, with *fields* in their places instead."""
        parts: list[pa.LargeBinaryArray] = []
        if self.statements is not None:
            parts.append(self._leads(self.statements[which]).to_arrow())
        begins = self.begins[which]
        for place, field_ in fields:
            parts.append(self._cells(begins, self.block.starts[which, place]).to_arrow())
            parts.append(field_.to_arrow())
            begins = self.block.ends[which, place]
        parts.append(self._cells(begins, self.ends[which]).to_arrow())
        text = _interleaved(parts)
        return text if self.statements is None else bytes(text) + self.tail

    def _cells(self, starts: Places, ends: Places) -> Cells:
        return Cells(data=self.block.data, starts=starts, ends=ends)

    def _leads(self, statements: Places) -> Cells:
        """Return what stands before each row: a comma, or what begins a statement."""
        first, other = self.header, self.tail + b"\n" + self.header
        data = np.frombuffer(first + other + self.between, np.uint8)
        begins = np.concatenate([[True], statements[1:] != statements[:-1]])
        starts = np.where(begins, len(first), len(first) + len(other))
        ends = np.where(begins, len(first) + len(other), data.size)
        starts[0], ends[0] = 0, len(first)
        return Cells(data=data, starts=starts, ends=ends)


def _gap(data: bytes, begins: Places, ends: Places, row: int) -> bytes:
    """Return what stands between *row* and the next."""
    return data[int(ends[row]) : int(begins[row + 1])]


def _interleaved(parts: Sequence[pa.LargeBinaryArray]) -> memoryview:
    """Return the first of each of *parts*, then the second of each, and so on, as one text."""
    if len(parts) > 1:
        count = len(parts[0])
        order = np.arange(len(parts) * count).reshape(len(parts), count).T.reshape(-1)
        whole = pa.concat_arrays(parts).take(pa.array(order))
    else:
        whole = parts[0]
    _, offsets, data = whole.buffers()
    bounds = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    return memoryview(data or b"")[int(bounds[0]) : int(bounds[-1])]
