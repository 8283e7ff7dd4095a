"""Rows of a SQLite file: copied inside SQLite, masked values handed in while it copies.

One statement copies a table. Kept columns never leave SQLite; each masked one is a function
without arguments that gives the next value. The values come from a second reading of the
same table on the same connection, so both see the same rows in the same order.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from itertools import chain
from sys import getsizeof
from typing import TYPE_CHECKING

from anonymizer.errors import DumpError
from anonymizer.masker import Count
from anonymizer.memory import no_collector
from anonymizer.sqlite.schema import quoted
from anonymizer.sqlite.values import from_cells, to_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anonymizer.masker import Masker
    from anonymizer.sqlite.schema import Shape
    from anonymizer.sqlite.values import Value
    from anonymizer.stream import Tally

ROWS = 8192
"""Rows that are masked at once, at the most."""
BYTES = 4 << 20
"""Memory of what is read of them; when it is reached no more are read."""
_STEP, _SAMPLE = 32, 8
"""Rows that are read at once; one of so many is weighed."""
_LARGE = 1 << 16

# An index that has all of the columns would be read instead, in an order of its own.
_SELECT = "SELECT {columns} FROM source.{table} NOT INDEXED"
_EMPTY = "DELETE FROM main.{table}"
_COPY = "INSERT INTO main.{table} ({names}) SELECT {values} FROM source.{table} NOT INDEXED"
_COPY_WHOLE = "INSERT INTO main.{table} SELECT * FROM source.{table}"


def copy_as_is(connection: sqlite3.Connection, name: str, shape: Shape) -> None:
    """Copy the rows of table *name* as they are, in place of what SQLite wrote itself."""
    connection.execute(_EMPTY.format(table=quoted(name)))
    if shape.whole:  # pages go over unread
        connection.execute(_COPY_WHOLE.format(table=quoted(name)))
        return
    connection.execute(_insertion(name, shape, {}))


def copy_masked(
    connection: sqlite3.Connection, name: str, shape: Shape, masker: Masker, tally: Tally
) -> None:
    """Copy the rows of table *name* with masked values, and count them in *tally*.

    Raises DumpError for what a mask refuses.
    """
    feed = _Feed(connection, name, masker, tally)
    written = dict.fromkeys(masker.cleared, "NULL")
    for number, (column, values) in enumerate(feed.columns()):
        connection.create_function(f"masked_{number}", 0, values.__next__)
        written[column] = f"masked_{number}()"
    # Only the feed reads while the statement runs.
    connection.text_factory = bytearray
    try:
        with no_collector():  # it would look at every row
            copied = connection.execute(_insertion(name, shape, written)).rowcount
    except sqlite3.Error:
        if feed.error is None:
            raise
        raise feed.error from None
    finally:
        connection.text_factory = str
        feed.close()
    if feed.replaced and copied != feed.rows:
        raise DumpError(
            "the table was read twice, and was not the same",
            table=name,
            hint="a damaged file? ask PRAGMA integrity_check",
        )
    if masker.cleared:
        tally.add(masker.table.name, _cleared(connection, name, masker.cleared))


class _Feed:
    """Reads what the masks of one table need, and gives the masked columns value by value."""

    def __init__(
        self, connection: sqlite3.Connection, name: str, masker: Masker, tally: Tally
    ) -> None:
        self.error: BaseException | None = None
        self.rows = 0
        self.replaced = [each.column.name for each in masker.masked if each.replace]
        self._masker = masker
        self._tally = tally
        self._cursor = connection.cursor()
        columns = ", ".join(map(quoted, masker.needed))
        self._select = _SELECT.format(table=quoted(name), columns=columns)

    def close(self) -> None:
        """Read no more."""
        self._cursor.close()

    def columns(self) -> Iterator[tuple[str, Iterator[Value]]]:
        """Yield each masked column and its values; what they share is read once."""
        chunks = self._masked()
        waiting: list[deque[list[Value]]] = [deque() for _ in self.replaced]
        for name, own in zip(self.replaced, waiting, strict=True):
            yield name, chain.from_iterable(_taken(own, waiting, chunks))

    def _masked(self) -> Iterator[Sequence[list[Value]]]:
        """Yield the masked columns of some rows after the other."""
        try:
            for rows in self._read():
                self.rows += len(rows)
                columns = zip(*rows, strict=True)
                yield self._mask(dict(zip(self._masker.needed, columns, strict=True)))
        except DumpError as error:
            self.error = DumpError(
                error.message, table=str(self._masker.table.name), hint=error.hint
            )
            raise
        except BaseException as error:
            self.error = error
            raise

    def _read(self) -> Iterator[list[tuple[Value, ...]]]:
        """Yield some rows after the other; one by one where they are large."""
        self._cursor.execute(self._select)
        held: list[tuple[Value, ...]] = []
        total, step = 0, 1
        while some := self._cursor.fetchmany(step):
            size = _SAMPLE * sum(map(getsizeof, chain.from_iterable(some[::_SAMPLE])))
            step = _STEP if size < _LARGE * len(some) else 1
            held += some
            total += size
            if len(held) >= ROWS or total > BYTES:
                yield held
                held, total = [], 0
        if held:
            yield held

    def _mask(self, originals: dict[str, tuple[Value, ...]]) -> Sequence[list[Value]]:
        values, nulls = {}, {}
        for name, column in originals.items():
            values[name], nulls[name] = to_cells(column)
        new = self._masker.mask_columns(values, nulls)
        counts = {}
        for name in self.replaced:
            absent = int(nulls[name].sum())
            counts[name] = Count(values=len(nulls[name]) - absent, nulls=absent)
        self._tally.add(self._masker.table.name, counts)
        return [from_cells(new[name], originals[name], name) for name in self.replaced]


def _taken(
    own: deque[list[Value]],
    waiting: Sequence[deque[list[Value]]],
    chunks: Iterator[Sequence[list[Value]]],
) -> Iterator[list[Value]]:
    """Yield what waits for one column; the first that has nothing left reads on for all."""
    while True:
        if not own:
            chunk = next(chunks, None)
            if chunk is None:
                return
            for each, values in zip(waiting, chunk, strict=True):
                each.append(values)
        yield own.popleft()


def _cleared(connection: sqlite3.Connection, name: str, columns: Sequence[str]) -> dict[str, Count]:
    """Return what was in *columns*, of which nothing is left."""
    counted = ", ".join(f"count({quoted(each)})" for each in columns)
    counting = _SELECT.format(table=quoted(name), columns=f"count(*), {counted}")
    rows, *values = connection.execute(counting).fetchone()
    pairs = zip(columns, values, strict=True)
    return {each: Count(values=count, nulls=rows - count) for each, count in pairs}


def _insertion(name: str, shape: Shape, written: Mapping[str, str]) -> str:
    """Return the statement that copies a table; *written* stands in the place of its columns."""
    number = [shape.rowid] if shape.rowid else []
    names = [*number, *map(quoted, shape.columns)]
    values = [*number, *(written.get(each, quoted(each)) for each in shape.columns)]
    return _COPY.format(table=quoted(name), names=", ".join(names), values=", ".join(values))
