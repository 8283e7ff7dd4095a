"""Scan: one pass over the output, which looks for the fingerprints of what is sensitive."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.markup import KEEP
from anonymizer.proof.gather import DECOY, NUMBER, WORD
from anonymizer.proof.grade import LEAST
from anonymizer.proof.rows import Sample, in_sample
from anonymizer.proof.squeeze import contiguous, squeeze
from anonymizer.proof.views import encoded, escaped
from anonymizer.reading import Chunk, Text, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from anonymizer.cells import Places
    from anonymizer.column import TableName
    from anonymizer.proof.gather import Gathered
    from anonymizer.reading import Part

SPOTS = 100
"""Survivors of one column in one place of which the spot is kept."""
COUNTED = 1 << 20
"""Distinct values of one column in one place that are told apart."""
OVERLAP = 1 << 14
"""Bytes of a text that are read again with what follows it."""
JOINED = 1 << 20
"""Bytes of texts that follow one another which are looked at as one."""
_BREAK = re.compile(rb"[^0-9A-Za-z\x80-\xff]")


class Place(NamedTuple):
    """A column of the output, or, where both are None, all that is no row."""

    table: TableName | None = None
    column: str | None = None

    @override
    def __str__(self) -> str:
        return "outside of rows" if self.column is None else f"{self.table}.{self.column}"


class Spot(NamedTuple):
    """Where exactly: a row of a table counted from 1, or a byte of the plain text from 0."""

    row: int | None = None
    line: int | None = None
    byte: int | None = None


class Hits(NamedTuple):
    """Parts of some cells that have the fingerprint of a sensitive value."""

    cells: Places
    origins: Places
    """Where each begins in the cells, one after the other."""
    prints: NDArray[np.uint64]
    labels: NDArray[np.uint16]

    def take(self, which: NDArray[np.generic]) -> Hits:
        """Return those that *which* chooses."""
        chosen = (self.cells[which], self.origins[which], self.prints[which], self.labels[which])
        return Hits(*chosen)


@dataclass(slots=True, kw_only=True)
class Found:
    """What was found of one sensitive column in one place of the output."""

    times: int = 0
    """How often a strong value was found."""
    strong: set[int] = field(default_factory=set)
    words: set[int] = field(default_factory=set)
    decoys: set[int] = field(default_factory=set)
    spots: list[Spot] = field(default_factory=list)
    word_spots: list[Spot] = field(default_factory=list)

    def add(self, label: int, hits: Hits, spots: Iterator[Spot]) -> None:
        """Count *hits*, all of *label*; *spots* are asked for only while they are kept."""
        known, kept = self.strong, self.spots
        if label & DECOY:
            known, kept = self.decoys, []
        elif label & WORD:
            known, kept = self.words, self.word_spots
        if len(known) < COUNTED:
            known.update(hits.prints.tolist())
        if known is self.strong:
            self.times += len(hits.prints)
        kept.extend(islice(spots, max(0, SPOTS - len(kept))))


class Scan:
    """What the output has, and what was found in it."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self.rows: Counter[TableName] = Counter()
        self.columns: dict[TableName, tuple[str, ...]] = {}
        self.samples = {key: Sample() for key in gathered.secrets}
        self.found: dict[tuple[Place, int], Found] = {}
        self.bytes = 0
        self._before = Text(data=b"")
        """The end of the text before, which was read, and is read again with what follows."""
        self._seen: set[tuple[int, int]] = set()
        """Byte and fingerprint of what was found in it."""

    def add(self, part: Part) -> None:
        """Look at *part*."""
        if isinstance(part, Text):
            self._text(part)
        else:
            self._chunk(part)

    def _chunk(self, chunk: Chunk) -> None:
        known = self._gathered.plan.find(chunk.table)
        table = known.name if known else chunk.table
        self.columns.setdefault(table, chunk.columns)
        for name, values in chunk.values.items():
            if sample := self.samples.get((table, name)):
                which = np.flatnonzero(in_sample(self.rows[table] + values.rows))
                some = Values(values.cells.take(which), values.rows[which])
                prints = self._gathered.prints.of(some.cells)
                sample.add(self.rows[table], chunk.count, some, prints)
        self._columns(chunk, table)
        self.rows[table] += chunk.count

    def _columns(self, chunk: Chunk, table: TableName) -> None:
        held = list(_long_enough(chunk))
        if not held:
            return
        arrays = [values.cells.to_arrow() for _, values in held]
        data, bounds = contiguous(Cells.of_arrow(pa.concat_arrays(arrays)))
        hits = self._hits(data.tobytes(), bounds)
        last = np.cumsum([len(each) for each in arrays])
        columns = np.searchsorted(last, hits.cells, "right")
        for number in np.flatnonzero(np.bincount(columns)).tolist():
            name, values = held[number]
            chosen = hits.take(columns == number)
            rows = values.rows[chosen.cells - (last[number] - len(values.rows))]
            rows = rows + self.rows[table] + 1
            self._count(Place(table, name), chosen, partial(_in_rows, rows))
        self.bytes += len(data)

    def _text(self, text: Text) -> None:
        """Look at *text*, and at what it makes together with the end of the text before."""
        before = self._before
        follows = bool(before.data) and before.byte + len(before.data) == text.byte
        whole = text
        if follows:
            whole = Text(data=before.data + text.data, line=before.line, byte=before.byte)
        hits = self._hits(whole.data, np.array([0, len(whole.data)]))
        cut = _overlap(whole.data)
        seen = self._seen if follows else set()
        found = list(zip((hits.origins + whole.byte).tolist(), hits.prints.tolist(), strict=True))
        self._seen = {each for each in found if each[0] >= whole.byte + cut}
        hits = hits.take(np.array([each not in seen for each in found], np.bool_))
        lines = np.flatnonzero(np.frombuffer(whole.data, np.uint8) == ord("\n"))
        numbers = np.searchsorted(lines, hits.origins) + whole.line
        self._count(Place(), hits, partial(_in_text, numbers, hits.origins + whole.byte))
        line = whole.line + int(np.searchsorted(lines, cut))
        self._before = Text(data=whole.data[cut:], line=line, byte=whole.byte + cut)
        self.bytes += len(text.data)

    def _hits(self, data: bytes, bounds: Places) -> Hits:
        """Return what is found in the cells between *bounds*, in each of their views."""
        squeezed = squeeze(data, bounds)
        found = self._gathered.prints.look(squeezed)
        hits = Hits(found.cells, squeezed.origin(found.starts), found.prints, found.labels)
        views = list(chain(escaped(data, bounds), encoded(data, bounds, squeezed)))
        if not views:
            return hits
        text, limits = contiguous(Cells.of(view.text for view in views))
        found = self._gathered.prints.look(squeeze(text.tobytes(), limits))
        cells = np.array([view.cell for view in views])[found.cells]
        origins = np.array([view.place for view in views])[found.cells]
        others = Hits(cells, origins, found.prints, found.labels)
        # By default numpy 2.0 fails on keys that no signed number can hold.
        return _joined(hits, others.take(~np.isin(_keys(others), _keys(hits), kind="sort")))

    def _count(self, place: Place, hits: Hits, spot: Callable[[int], Spot]) -> None:
        masked = self.is_masked(place)
        for label in np.flatnonzero(np.bincount(hits.labels)).tolist():
            if masked and label & WORD and not label & DECOY:
                continue
            which = np.flatnonzero(hits.labels == label)
            found = self.found.setdefault((place, label & NUMBER), Found())
            found.add(label, hits.take(which), map(spot, which.tolist()))

    def is_masked(self, place: Place) -> bool:
        """Return whether the plan masks the column that *place* is."""
        table = self._gathered.plan.find(place.table) if place.table else None
        column = table.column(place.column) if table and place.column else None
        return column is not None and column.decision.mask != KEEP


def scan(parts: Iterable[Part], gathered: Gathered) -> Scan:
    """Read the output whole, and look for all that was gathered."""
    found = Scan(gathered)
    for part in _whole(parts):
        found.add(part)
    return found


def _whole(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield *parts*, texts that follow one another joined while they are small."""
    waiting: list[Text] = []
    size = 0
    for part in parts:
        follows = isinstance(part, Text) and bool(waiting) and part.byte == _end(waiting[-1])
        if not follows or size >= JOINED:
            yield from _one(waiting)
            waiting, size = [], 0
        if isinstance(part, Text):
            waiting.append(part)
            size += len(part.data)
        else:
            yield part
    yield from _one(waiting)


def _end(text: Text) -> int:
    return text.byte + len(text.data)


def _one(texts: Sequence[Text]) -> Iterator[Text]:
    if texts:
        data = b"".join(each.data for each in texts)
        yield Text(data=data, line=texts[0].line, byte=texts[0].byte)


def _long_enough(chunk: Chunk) -> Iterator[tuple[str, Values]]:
    """Yield the values of each column that can be, or hold, what is looked for."""
    for name, (cells, rows) in chunk.values.items():
        which = np.flatnonzero(cells.lengths >= LEAST)
        if len(which):
            yield name, Values(cells.take(which), rows[which])


def _in_rows(rows: Places, at: int) -> Spot:
    return Spot(row=int(rows[at]))


def _in_text(lines: Places, bytes_: Places, at: int) -> Spot:
    return Spot(line=int(lines[at]), byte=int(bytes_[at]))


def _joined(hits: Hits, others: Hits) -> Hits:
    return Hits(
        np.concatenate([hits.cells, others.cells]),
        np.concatenate([hits.origins, others.origins]),
        np.concatenate([hits.prints, others.prints]),
        np.concatenate([hits.labels, others.labels]),
    )


def _keys(hits: Hits) -> NDArray[np.uint64]:
    """Return a number for the cell and the value of each of *hits*."""
    keys: NDArray[np.uint64] = hits.prints ^ (hits.cells.astype(np.uint64) << np.uint64(32))
    return keys


def _overlap(data: bytes) -> int:
    """Return where the end of *data* begins that is read again: not within a word."""
    start = max(0, len(data) - OVERLAP)
    found = _BREAK.search(data, start) if start else None
    return found.start() if found else start
