"""Reference: what ci measures of the reference application, from juno to mitaka, by size.

python -m benchmarks.reference --rows 1000 --rows 50000 --database sqlite
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ci.result import Colour
from ci.timing import Engine, Kind
from ci.units import duration
from tests.ci.reference import BASE, CHANGE, Data, add_dataset, reference_project
from tests.databases import DATABASES, Servers, fresh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.result import Result
    from ci.timing import Step, Timing
    from tests.ci.projects import Project

ROWS = (1_000, 50_000)


def main() -> None:
    """Walk the change on a dataset of each size in each database, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reference", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help="of each kind, in juno")
    parser.add_argument("--database", action="append", choices=DATABASES)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    servers = Servers()
    try:
        project = reference_project(folder)
        for name in chosen.database or DATABASES:
            sizes = chosen.rows or ROWS
            found = [walked(project, servers, Engine(name), rows, max(sizes)) for rows in sizes]
            print(f"\n{table(sizes, found)}\n\nload {os.getloadavg()[0]:.1f}", flush=True)
    finally:
        servers.close()
        shutil.rmtree(folder)


def walked(project: Project, servers: Servers, engine: Engine, rows: int, most: int) -> Result:
    """Return what the runner finds on a dataset of so many *rows*; production has the *most*."""
    name = f"{engine}-{rows}"
    with tempfile.TemporaryDirectory() as folder:
        for database in fresh(engine, servers, Path(folder)):
            add_dataset(project, name, database, Data(rows=rows, scale=most // rows))
    return project.run(CHANGE, name, base=BASE)


def table(sizes: Sequence[int], results: Sequence[Result]) -> str:
    """Return a table of the steps, with the time of each at each size."""
    engine = results[0].engine
    lines = [
        f"| {engine} | {' | '.join(f'{rows:,} rows' for rows in sizes)} |",
        f"| --- |{' --- |' * len(sizes)}",
    ]
    found = [_by_step(each) for each in results]
    for step in dict.fromkeys(step for each in found for step in each):
        times = " | ".join(_shown(each.get(step, [])) for each in found)
        lines.append(f"| {step.kind} `{step.name}` | {times} |")
    lines.append(f"| verdict | {' | '.join(_verdict(each) for each in results)} |")
    return "\n".join(lines)


def _by_step(result: Result) -> dict[Step, list[Timing]]:
    found: dict[Step, list[Timing]] = {}
    for each in result.change.timings if result.change else ():
        if each.warm:
            found.setdefault(each.step, []).append(each)
    return found


def _shown(timings: Sequence[Timing]) -> str:
    if not timings:
        return "–"
    seconds = duration(median(each.seconds for each in timings))
    pace = timings[-1].pace
    if timings[-1].step.kind is not Kind.MOVE or pace is None:
        return seconds
    rows = pace.production_rows or 0
    at_best = duration(rows / pace.high) if pace.high else "?"
    at_worst = duration(rows / pace.low) if pace.low else "?"
    return f"{seconds}, {pace.rows_per_second:,.0f} rows/s; {at_best} – {at_worst} for {rows:,}"


def _verdict(result: Result) -> str:
    found = [each.said for each in result.findings if each.colour is not Colour.GREEN]
    return "; ".join([result.colour.value, *found])


if __name__ == "__main__":
    main()
