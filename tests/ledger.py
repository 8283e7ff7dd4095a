"""A log of acknowledged writes, and what of it a table does not show."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write to one row, as its writer saw it before the commit."""

    writer: str
    what: str
    key: int
    version: int
    """What the row's own counter went up to: it puts the writes of a row in order."""
    value: int | None = None
    """The value afterwards, in the new form, as its writer reads it."""
    added: int | None = None
    """What was added to the value before; None where that was not looked at."""
    fills: bool = False
    """The row was in the new form, or not there; it is in the old one now."""
    deletes: bool = False


class Found(NamedTuple):
    """A row as it is at the end."""

    version: int
    value: int | None
    hits: int | None
    """How often it was converted; None where nobody counts."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Writes whose COMMIT was answered, by the key of their row."""

    writes: dict[int, list[Write]] = field(default_factory=lambda: defaultdict(list))
    doubtful: list[Write] = field(default_factory=list)
    """Writes whose COMMIT got no answer, in the order in which they were sent."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def acknowledge(self, *writes: Write) -> None:
        """Note *writes*, of one transaction."""
        with self.lock:
            for write in writes:
                self.writes[write.key].append(write)

    def doubt(self, *writes: Write) -> None:
        """Note *writes*, of one transaction, that may be there or not."""
        with self.lock:
            self.doubtful.extend(writes)

    def settle(self, rows: Mapping[int, Found]) -> None:
        """Take from the doubtful writes those that must have been committed.

        They are those that a later write to the same row, or the row itself, has seen. Of
        two with one number the first was not: the second would have seen it.
        """
        last = {(write.key, write.version): write for write in self.doubtful}
        for (key, version), write in last.items():
            told = {each.version for each in self.writes.get(key, ())}
            row = rows.get(key)
            seen = max((*told, row.version if row else 0))
            gone = row is None and write.deletes
            if version not in told and (gone or (version <= seen and not write.deletes)):
                self.acknowledge(write)
        self.doubtful.clear()

    def __iter__(self) -> Iterator[Write]:
        with self.lock:
            return iter([write for writes in self.writes.values() for write in writes])

    def wrong(self, rows: Mapping[int, Found]) -> list[str]:
        """Return what is wrong with *rows*, which are the whole table: nothing, it is hoped."""
        assert self.writes, "nothing was written, so nothing would be missing"
        found = [f"row {key} comes from nowhere" for key in rows if key not in self.writes]
        for key, writes in self.writes.items():
            ordered = sorted(writes, key=lambda write: write.version)
            found += [f"row {key}: {each}" for each in _broken(ordered)]
            found += [f"row {key}: {each}" for each in _missing(ordered, rows.get(key))]
        return found


def _broken(writes: Sequence[Write]) -> Iterable[str]:
    """Yield where one of *writes*, all of one row, did not see the one before it."""
    numbers = [write.version for write in writes]
    if numbers != list(range(1, len(writes) + 1)):
        yield f"its writes are numbered {numbers}"
    for before, write in pairwise(writes):
        if write.added is not None and write.value != _sum(before.value, write.added):
            yield (
                f"{before.writer} left {before.value} ({before.what}), "
                f"{write.writer} added {write.added} and had {write.value} ({write.what})"
            )


def _sum(value: int | None, added: int) -> int | None:
    return None if value is None else value + added


def _missing(writes: Sequence[Write], row: Found | None) -> Iterable[str]:
    """Yield what of *writes*, all of one row, its *row* does not show."""
    last, filled = writes[-1], sum(write.fills for write in writes)
    if row is None or last.deletes:
        if not last.deletes:
            yield "it is gone, and nobody deleted it"
        if row is not None:
            yield f"it is back after {last.writer} deleted it"
        return
    if row.version != last.version:
        yield f"its counter is {row.version}, {last.writer} left it at {last.version}"
    if row.value != last.value:
        yield f"it has {row.value}, {last.writer} left {last.value} ({last.what})"
    if row.hits is not None and row.hits != filled:
        yield f"it was converted {row.hits} times, and filled {filled} times"
