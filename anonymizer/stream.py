"""Stream: pieces of a dump in, their text with masked values out, in the same order.

Pieces are independent, so with several jobs workers mask some of them, and this process the
others; what is written does not depend on how many there are. Memory holds a few for each.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymizer.errors import AnonymizerError
from anonymizer.masker import Count
from anonymizer.workers import Worker, hired

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anonymizer.column import TableName
    from anonymizer.dumps.base import Piece, Rows
    from anonymizer.engine import Engine
    from anonymizer.masker import Counts, Masker, Text
    from anonymizer.workers import Answer, Crew

AHEAD = 3
"""Pieces for each job that are read and not yet written."""


@dataclass(slots=True)
class Rewriter:
    """Masks rows of any table; makes what masks a table when it meets its first rows."""

    engine: Engine
    _maskers: dict[tuple[TableName, tuple[str, ...]], Masker | None] = field(default_factory=dict)

    def __call__(self, rows: Rows) -> tuple[Text, Counts]:
        """Return the text of *rows* with masked values, and the counts of each column.

        Raises DumpError for rows that cannot be read, PolicyError for what is not decided.
        """
        masker = self.masker(rows)
        return (rows.data, {}) if masker is None else masker.rewrite(rows)

    def masker(self, rows: Rows) -> Masker | None:
        """Return what masks *rows*, None when they stay as they are."""
        place = rows.table, rows.columns
        if place not in self._maskers:
            self._maskers[place] = self.engine.masker(*place, part_of=rows.part_of)
        return self._maskers[place]


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
    rewriter = Rewriter(engine)
    waiting: deque[tuple[Piece, Answer | Worker]] = deque()
    with hired(Rewriter(engine), jobs - 1) as crew:
        for piece in pieces:
            waiting.append((piece, _begun(piece, rewriter, crew)))
            while waiting and (len(waiting) > AHEAD * (jobs - 1) or _is_done(waiting[0][1])):
                yield _text(*waiting.popleft(), tally)
        while waiting:
            yield _text(*waiting.popleft(), tally)


def _begun(piece: Piece, rewriter: Rewriter, crew: Crew) -> Answer | Worker:
    """Return what becomes of *piece*, or the worker that will say it."""
    if isinstance(piece, bytes):
        return piece, {}
    try:
        needs_worker = rewriter.masker(piece) is not None
        return (needs_worker and crew.give(piece)) or rewriter(piece)
    except AnonymizerError as error:
        return error  # it is raised when all before it is written


def _is_done(answer: Answer | Worker) -> bool:
    return not isinstance(answer, Worker) or answer.has_answered


def _text(piece: Piece, answer: Answer | Worker, tally: Tally) -> Text:
    """Return the text of one piece, once it is there, and count it."""
    found = answer.take() if isinstance(answer, Worker) else answer
    if isinstance(found, Exception):
        raise found
    text, counts = found
    tally.read += len(piece) if isinstance(piece, bytes) else len(piece.data)
    tally.written += len(text)
    if not isinstance(piece, bytes):
        tally.add(piece.table, counts)
    return text
