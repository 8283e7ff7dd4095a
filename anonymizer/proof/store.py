"""Store: fingerprints in order, in memory or on disk, and a filter before them.

Nothing of a value is in it but numbers that a keyed function made of it, so what it writes
into its temporary folder says nothing to somebody who has not the key.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.uint64]
    Labels = NDArray[np.uint16]

RUN = 1 << 20
"""Numbers that are held, unsorted, before they are put aside: 10 MB of them."""
HELD = 1 << 21
"""Numbers, 20 MB, up to which a store stays in memory; more go to disk."""
SLICES = 256
LEAST_BITS, SPARSE = 13, 256
"""Size of the smallest filter; of any, bits for each number."""
NOTHING = np.uint16(0xFFFF)
"""Label of what is not in a store."""


class Store:
    """A set of numbers of 64 bits, each with the lowest of the labels that it was given."""

    def __init__(self, *, run: int = RUN, held: int = HELD) -> None:
        self._run = run
        self._limit = held
        self._fresh: list[tuple[Numbers, Labels]] = []
        self._waiting = 0
        self._runs: list[tuple[Numbers, Labels]] = []
        self._folder: TemporaryDirectory[str] | None = None
        self.numbers: Numbers = np.zeros(0, np.uint64)
        self.labels: Labels = np.zeros(0, np.uint16)

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, numbers: Numbers, labels: Labels) -> None:
        """Put *numbers* in, each with its label."""
        self._fresh.append((numbers, labels))
        self._waiting += len(numbers)
        if self._waiting >= self._run:
            self._put_aside()

    def finish(self) -> None:
        """Put all numbers in order: from now on they can be found, and none be added."""
        self._put_aside()
        total = sum(len(numbers) for numbers, _ in self._runs)
        if total <= self._limit:
            self.numbers, self.labels = _united(self._runs)
        else:
            self.numbers, self.labels = self._merged()
        self._runs.clear()

    def find(self, numbers: Numbers) -> Labels:
        """Return the label of each of *numbers*, NOTHING where it is not in the store."""
        if not len(self.numbers):
            return np.full(len(numbers), NOTHING)
        at = np.searchsorted(self.numbers, numbers)
        at[at == len(self.numbers)] = 0
        return np.where(self.numbers[at] == numbers, self.labels[at], NOTHING)

    def close(self) -> None:
        """Delete what is on disk."""
        self.numbers, self.labels = np.zeros(0, np.uint64), np.zeros(0, np.uint16)
        self._runs.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _put_aside(self) -> None:
        if not self._waiting:
            return
        run = _united(self._fresh)
        self._fresh, self._waiting = [], 0
        held = sum(len(numbers) for numbers, _ in self._runs)
        if held + len(run[0]) > self._limit:
            run = self._on_disk(f"run{len(self._runs)}", iter([run]))
        self._runs.append(run)

    def _merged(self) -> tuple[Numbers, Labels]:
        """Return all runs as one on disk, made slice after slice of the whole range."""
        return self._on_disk("all", (_united(list(each)) for each in self._slices()))

    def _slices(self) -> Iterator[Iterator[tuple[Numbers, Labels]]]:
        inner = np.arange(1, SLICES, dtype=np.uint64) << np.uint64(56)
        bounds = [
            np.concatenate([[0], np.searchsorted(run, inner), [len(run)]]) for run, _ in self._runs
        ]
        for place in range(SLICES):
            yield (
                (numbers[each[place] : each[place + 1]], labels[each[place] : each[place + 1]])
                for (numbers, labels), each in zip(self._runs, bounds, strict=True)
            )

    def _on_disk(
        self, name: str, parts: Iterator[tuple[Numbers, Labels]]
    ) -> tuple[Numbers, Labels]:
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="anonymizer-proof-")
        paths = [Path(self._folder.name, f"{name}.{each}") for each in ("numbers", "labels")]
        with paths[0].open("wb") as numbers, paths[1].open("wb") as labels:
            for part in parts:
                part[0].tofile(numbers)
                part[1].tofile(labels)
        return np.memmap(paths[0], np.uint64, "r"), np.memmap(paths[1], np.uint16, "r")


def _united(runs: list[tuple[Numbers, Labels]]) -> tuple[Numbers, Labels]:
    """Return the numbers of *runs* in order, each once with its lowest label."""
    if not runs:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint16)
    numbers = np.concatenate([each[0] for each in runs])
    labels = np.concatenate([each[1] for each in runs])
    order = np.argsort(numbers)
    numbers = numbers[order]
    first = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    if not len(numbers):
        return numbers, labels
    return numbers[first], np.minimum.reduceat(labels[order], np.flatnonzero(first))


class Filter:
    """Says of a number, quickly, that it was never put in, or that it may have been."""

    BITS = 27
    """Of a filter while it is filled: 16 MB."""

    def __init__(self) -> None:
        self._bits = np.zeros(1 << (self.BITS - 3), np.uint8)
        self._shift = np.uint64(64 - self.BITS)

    def add(self, numbers: Numbers) -> None:
        """Put *numbers* in, each of which is spread over all of its 64 bits."""
        self._set(numbers >> self._shift)

    def finish(self) -> None:
        """Make the filter as small as what is in it allows, for the processor's cache."""
        filled = np.flatnonzero(self._bits.view(np.uint64))
        bits = np.unpackbits(self._bits.reshape(-1, 8)[filled], axis=1, bitorder="little")
        places = (filled[:, None] * 64 + np.arange(64))[bits != 0].astype(np.uint64)
        size = max(LEAST_BITS, (len(places) * SPARSE).bit_length())
        if size < self.BITS:
            self._bits = np.zeros(1 << (size - 3), np.uint8)
            self._shift = np.uint64(64 - size)
            self._set(np.unique(places >> np.uint64(self.BITS - size)))

    def may_have(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return which of *numbers* may have been put in: all that were, and some others."""
        places = numbers >> self._shift
        found: NDArray[np.bool_] = (self._bits[places >> np.uint64(3)] & _bit(places)) != 0
        return found

    def _set(self, places: Numbers) -> None:
        np.bitwise_or.at(self._bits, places >> np.uint64(3), _bit(places))


def _bit(places: Numbers) -> NDArray[np.uint8]:
    return np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
