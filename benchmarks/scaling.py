"""`python -m benchmarks.scaling`: how fast rows are chosen and copied, and what is remembered.

Users have orders, orders have items, items have notes: as many items as `--rows`. Each case is
a process of its own; speeds are of COPY text in one process, with the fields found and the
keys decoded, and nothing masked or written. Then `anonymizer scale` itself, of dumps of
`--megabytes`: from the start of the process to its end, all readings and what is written.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.column import Column, Kind, Reference, Table, TableName
from anonymizer.dumps.copy import CopyText
from anonymizer.key import Key
from anonymizer.markup import Decision
from anonymizer.masks.base import Distinct
from anonymizer.scale import First, Part, Scaler, Size
from benchmarks import chain
from benchmarks.masking import run
from benchmarks.measure import head, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = Key(bytes(range(32)))
MB = 1_000_000
ROW_BYTES = 156
"""Of a row of `chain`, and those that it refers to, about."""
BLOCK = 20_000
"""Rows of about 50 bytes: a block of 1 MB."""
FILLING = "a description of thirty bytes."
USERS, ORDERS, ITEMS, NOTES = (
    TableName("public", name) for name in ("users", "orders", "items", "notes")
)
CHAIN = (USERS, ORDERS, ITEMS, NOTES)
COLUMNS = ("id", "parent", "text")


def tables() -> tuple[Table, ...]:
    """Return a chain of tables, each of which refers to the one before."""
    return tuple(_table(name, CHAIN[at - 1] if at else None) for at, name in enumerate(CHAIN))


def _table(name: TableName, parent: TableName | None) -> Table:
    kept = Decision(mask="keep", why="a benchmark")
    kinds = zip(COLUMNS, (Kind.INTEGER, Kind.INTEGER, Kind.TEXT), strict=True)
    columns = tuple(
        Column(name=each, kind=kind, nullable=False, decision=kept, domain=each)
        for each, kind in kinds
    )
    references = (Reference(columns=("parent",), table=parent, to=("id",)),) if parent else ()
    return Table(name=name, columns=columns, keys=(("id",),), references=references)


def blocks(rows: int) -> Iterator[bytes]:
    """Yield COPY text of rows, a quarter as many parents."""
    order = np.random.default_rng(1).permutation(rows // 4 + 1)
    for first in range(0, rows, BLOCK):
        numbers = range(first, min(first + BLOCK, rows))
        parents = order[np.arange(numbers.start, numbers.stop) // 4]
        lines = zip(numbers, parents.tolist(), strict=True)
        yield "".join(f"{each}\t{parent}\t{FILLING}\n" for each, parent in lines).encode()


def scaler_of(factor: float, rows: int) -> Scaler:
    """Return a scaler of the chain, in which each table has four times the rows of its parent."""
    counts = {USERS: rows // 16, ORDERS: rows // 4, ITEMS: rows, NOTES: rows}
    size = Size(factor=factor, rows=counts)
    return Scaler.of(tables(), size, key=KEY, distinct=lambda _column: Distinct.LOST)


def part_of(block: bytes, table: Table, wanted: tuple[str, ...]) -> Part:
    """Return the *wanted* columns of *block*."""
    codec = CopyText()
    parsed = codec.parse(block, len(COLUMNS))
    return Part.read(parsed, codec, table=table, columns=COLUMNS, wanted=wanted)


def remember(rows: int, factor: float, order: tuple[TableName, ...]) -> tuple[str, ...]:
    """Return what a first reading of tables in *order* takes, each closed when it is over."""
    scaler = scaler_of(factor, rows)
    known = {table.name: table for table in tables()}
    first = First(scaler)
    before, seconds, size = _peak(), 0.0, 0
    for name in order:
        for block in blocks(rows // 4 if name == ORDERS else rows):
            size += len(block)
            started = time.process_time()
            part = part_of(block, known[name], scaler.look_needs(name))
            first.add(scaler.look(name, part))
            seconds += time.process_time() - started
        started = time.process_time()
        first.close(name)
        seconds += time.process_time() - started
    held = first.seen().known.size
    return (
        f"{held / MB:,.0f} MB",
        f"{_peak() - before:,.0f} MB",
        f"{size / MB / seconds:,.0f} MB/s",
    )


def choose(rows: int, factor: float) -> tuple[str, ...]:
    """Return how fast rows of the last table are chosen, and copied."""
    scaler = scaler_of(factor, rows)
    known = {table.name: table for table in tables()}
    first = First(scaler)
    for name in scaler.looks:
        for block in blocks(rows // 4 if name == ORDERS else rows):
            first.add(scaler.look(name, part_of(block, known[name], scaler.look_needs(name))))
    seen = first.seen()
    seconds, size = 0.0, 0
    for block in blocks(rows):
        size += len(block)
        started = time.process_time()
        part = part_of(block, known[NOTES], scaler.needs(NOTES))
        for copy in scaler.copies_of(NOTES):
            scaler.keep(NOTES, copy, part, seen)
            scaler.columns(NOTES, copy, part, seen)
        seconds += time.process_time() - started
    return (f"{size / MB / seconds:,.0f} MB/s",)


def whole_dumps(folder: Path, megabytes: int) -> None:
    """Print what `anonymizer scale` takes for a dump of each kind."""
    kinds: dict[str, Callable[[Path, int], None]] = {
        "COPY text": chain.write_copy,
        "mysqldump": chain.write_inserts,
        "a file of SQLite": chain.write_sqlite,
    }
    head("dump", "factor", "MB in", "MB out", "MB/s", "MB in and out a core second", "peak MB")
    for kind, write in kinds.items():
        dump, target = folder / "dump", folder / "scaled"
        write(dump, megabytes * MB // ROW_BYTES)
        for factor in (0.1, 0.5, 2, 3):
            row(kind, factor, *_scaled(dump, target, factor))
        dump.unlink()
        target.unlink()


def _scaled(dump: Path, target: Path, factor: float) -> tuple[str, ...]:
    command = [sys.executable, "-m", "anonymizer", "scale", str(dump), str(target)]
    command += ["--factor", str(factor), "--seed", "1", "--force", "--no-manifest", "--json"]
    taken = run(command, stdin=Path(os.devnull), stdout=Path(os.devnull))
    before, after = (each.stat().st_size / MB for each in (dump, target))
    core = (before + after) / taken.cpu_seconds
    figures = (before, after, before / taken.seconds, core, taken.peak_mb)
    return tuple(f"{each:,.0f}" for each in figures)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(call: Callable[..., tuple[str, ...]], *arguments: object) -> tuple[str, ...]:
    """Return what *call* returns, from a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(call, arguments)


def main() -> None:
    """Print a table for what is remembered, and one for speeds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--megabytes", type=int, default=200)
    chosen = parser.parse_args()
    rows = chosen.rows
    ways = {"parents first": (ORDERS, ITEMS), "children first": (ITEMS, ORDERS)}
    head(f"{rows:,} items", "factor", "held", "peak", "first reading")
    for factor in (0.05, 0.5):
        for way, order in ways.items():
            row(way, str(factor), *apart(remember, rows, factor, order))
    print()
    head(f"{rows // 10:,} notes", "second reading")
    for factor in (0.05, 0.5, 2, 10):
        row(f"factor {factor}", *apart(choose, rows // 10, factor))
    print()
    with tempfile.TemporaryDirectory() as folder:
        whole_dumps(Path(folder), chosen.megabytes)


if __name__ == "__main__":
    main()
