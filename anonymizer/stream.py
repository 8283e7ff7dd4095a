"""Stream: pieces of a dump in, their text with masked values out, in the same order.

Pieces are independent, so with several jobs worker processes mask them side by side; what
is written does not depend on how many there are. Memory holds a few pieces for each.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.engine import Count
from anonymizer.memory import keep_memory
from anonymizer.workers import pool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from anonymizer.column import TableName
    from anonymizer.dumps.base import Piece, Rows
    from anonymizer.engine import Counts, Engine, Masker, Text

AHEAD = 3
"""Pieces for each worker that are read and not yet written."""

Result: TypeAlias = "Future[tuple[Text, Counts]]"
"""The text of rows with masked values, and what was in each masked column."""


@dataclass(slots=True)
class Rewriter:
    """Masks rows of any table; makes what masks a table when it meets its first rows."""

    engine: Engine
    _maskers: dict[tuple[TableName, tuple[str, ...]], Masker | None] = field(default_factory=dict)

    def __call__(self, rows: Rows) -> tuple[Text, Counts]:
        """Return the text of *rows* with masked values, and the counts of each column.

        Raises DumpError for rows that cannot be read, PolicyError for what is not decided.
        """
        place = rows.table, rows.columns
        if place not in self._maskers:
            self._maskers[place] = self.engine.masker(*place, part_of=rows.part_of)
        masker = self._maskers[place]
        if masker is None:
            return rows.data, {}
        return masker.rewrite(rows)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was read and written so far."""

    read: int = 0
    """Bytes of the dump's plain text."""
    written: int = 0
    columns: dict[TableName, dict[str, Count]] = field(default_factory=dict)
    """Columns that were masked."""

    def join(self, other: Tally) -> None:
        """Count what *other* has counted as well."""
        self.read += other.read
        self.written += other.written
        for table, counts in other.columns.items():
            self.add(table, counts)

    def add(self, table: TableName, counts: Counts) -> None:
        """Count what was done to rows of *table*."""
        known = self.columns.setdefault(table, {})
        for name, count in counts.items():
            known[name] = known.get(name, Count()) + count


def texts(
    pieces: Iterable[Piece], engine: Engine, tally: Tally, *, jobs: int = 1
) -> Iterator[Text]:
    """Yield the text of *pieces* in their order, rows with masked values.

    *tally* is kept up to date. Raises DumpError and PolicyError as `Rewriter` does.
    """
    waiting: deque[tuple[Piece, Result | None]] = deque()
    with _masking(engine, jobs) as mask:
        for piece in pieces:
            waiting.append((piece, None if isinstance(piece, bytes) else mask(piece)))
            while len(waiting) > AHEAD * (jobs - 1):
                yield _text(*waiting.popleft(), tally)
        while waiting:
            yield _text(*waiting.popleft(), tally)


def _text(piece: Piece, result: Result | None, tally: Tally) -> Text:
    """Return the text of one piece, once it is there, and count it."""
    if isinstance(piece, bytes):
        tally.read += len(piece)
        tally.written += len(piece)
        return piece
    assert result is not None  # noqa: S101 - rows have one
    text, counts = result.result()
    tally.read += len(piece.data)
    tally.written += len(text)
    tally.add(piece.table, counts)
    return text


@contextmanager
def _masking(engine: Engine, jobs: int) -> Iterator[Callable[[Rows], Result]]:
    """Give what begins to mask rows, here or in worker processes."""
    if jobs == 1:
        rewriter = Rewriter(engine)
        yield lambda rows: _done(rewriter, rows)
        return
    preload = ("anonymizer.stream", "anonymizer.masks")
    pool = pool_of(jobs, preload=preload, begin=_begin, given=engine)
    try:
        yield lambda rows: pool.submit(_in_worker, rows)
    finally:
        pool.shutdown(cancel_futures=True)


def _done(rewriter: Rewriter, rows: Rows) -> Result:
    future: Result = Future()
    future.set_result(rewriter(rows))
    return future


_here: list[Rewriter] = []
"""The one of a worker process."""


def _begin(engine: Engine) -> None:
    keep_memory()
    _here[:] = [Rewriter(engine)]


def _in_worker(rows: Rows) -> tuple[Text, Counts]:
    text, counts = _here[0](rows)
    return bytes(text), counts
