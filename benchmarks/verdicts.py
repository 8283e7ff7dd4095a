"""Verdicts: false alarms and power of the ci runner on a noisy machine, and what measuring costs.

Steps are run by a process of their own and watched as the runner watches them; what is left
out is what is never timed: checkouts, environments, the start of the tool.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ci.databases import Places, open_database
from ci.datasets.dataset import Budgets, Dataset
from ci.look import MORE
from ci.measuring import open_watch
from ci.result import Colour, Walked
from ci.timing import Engine, Kind, Step, Timing
from ci.verdict import Case, confirm, judge, suspicious, wants_more

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.databases.base import Database
    from ci.measuring.watch import EyeWatch
    from ci.result import Finding

RUNS = 7
BASELINE, SLOWER = 2, 3
"""How often all rows are written, each time in a transaction."""
STEP = Step(version="1", name="spell_names", kind=Kind.UPGRADE, path="versions/1.py")
SERIES = {
    Engine.POSTGRESQL: "generate_series(1, {rows}) AS s(i)",
    Engine.MARIADB: "(SELECT seq AS i FROM seq_1_to_{rows}) s",
    Engine.SQLITE: "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "WHERE i < {rows}) SELECT i FROM n) s",
}
WORKER = """
import sys, time
import sqlalchemy as sa
for line in sys.stdin:
    url, times = line.split()
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        began = time.monotonic()
        for number in range(int(times)):
            with connection.begin():
                connection.exec_driver_sql(
                    f"UPDATE people SET name = upper(name), note = 'n{number}'"
                )
        ended = time.monotonic()
    engine.dispose()
    print(began, ended, flush=True)
"""
NOISE = """
import os, random, sys, time
draw = random.Random(int(sys.argv[1]))
while True:
    until = time.monotonic() + draw.expovariate(4)
    while time.monotonic() < until:
        sum(range(2000))
    if draw.random() < 0.3:
        with open(sys.argv[2], "wb") as file:
            file.write(os.urandom(1 << 22)); file.flush(); os.fsync(file.fileno())
    time.sleep(draw.expovariate(4))
"""
"""Half of a core on the average, in bursts, and 4 MiB to the disk now and then."""


def dataset(engine: Engine, folder: Path, rows: int) -> Dataset:
    """Write the dump of a table of people, and return its dataset."""
    dump = folder / f"{engine}.sql"
    name = "concat('person ', i)" if engine is Engine.MARIADB else "'person ' || i"
    series = SERIES[engine].format(rows=rows)
    made = "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(80), note VARCHAR(80));\n"
    filled = f"INSERT INTO people SELECT i, {name}, 'a note' FROM {series};\n"  # noqa: S608 - ours
    dump.write_text(made + filled)
    digest = hashlib.sha256(dump.read_bytes()).hexdigest()
    return Dataset(name="people", folder=folder, dump=dump, engine=engine, digest=digest)


class Worker:
    """A process that runs the step when it is told to."""

    def __init__(self, database: Database) -> None:
        self._url = database.migrating().url
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, times: int = 1) -> tuple[float, float]:
        """Return when a step that writes all rows so many *times* began and ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(self._url, times, file=self._process.stdin, flush=True)
        began, ended = map(float, self._process.stdout.readline().split())
        return began, ended

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def opened(engine: Engine, rows: int) -> Iterator[tuple[Database, EyeWatch, Worker]]:
    """Give a database that is restored, its watch, and what runs steps in it."""
    with tempfile.TemporaryDirectory(prefix="ci.", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        places = Places(runs=folder / "runs", states=folder / "states")
        data = dataset(engine, folder, rows)
        with open_database(data, places) as database, open_watch(database) as watch:
            database.restore(data)
            database.keep("start")
            worker = Worker(database)
            yield database, watch, worker
            worker.close()


@contextmanager
def noise(folder: Path, seed: int) -> Iterator[None]:
    """Have another process use the machine, in bursts."""
    process = subprocess.Popen([sys.executable, "-c", NOISE, str(seed), folder / "noise"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def watched(database: Database, watch: EyeWatch, worker: Worker, times: int) -> Timing:
    """Return what is measured of one step, as a walk measures it."""
    database.reset("start")
    watch.begin(["people"])
    began, ended = worker.run(times)
    return Timing(
        step=STEP, seconds=ended - began, observation=watch.end(origin=began, until=ended)
    )


def look(
    database: Database, watch: EyeWatch, worker: Worker, times: Sequence[int]
) -> Sequence[Finding]:
    """Return what one look at baseline and change finds; *times* are how much they do."""
    found: list[list[Timing]] = [[], []]
    case = Case(baseline=Walked(sha=""), change=Walked(sha=""), budgets=Budgets())
    for number in range(MORE * RUNS):
        if number >= RUNS and not wants_more(case):
            break
        for place in (0, 1) if number % 2 == 0 else (1, 0):
            found[place].append(watched(database, watch, worker, times[place]))
        baseline, change = (Walked(sha="", timings=tuple(each)) for each in found)
        case = replace(case, baseline=baseline, change=change)
    return judge(case)


def verdict(database: Database, watch: EyeWatch, worker: Worker, times: Sequence[int]) -> Colour:
    """Return what the runner would say, with a second look where it takes one."""
    found = look(database, watch, worker, times)
    if suspicious(found):
        found = confirm(found, look(database, watch, worker, times))
    worst = {each.colour for each in found}
    return next((each for each in (Colour.RED, Colour.YELLOW) if each in worst), Colour.GREEN)


def judge_many(times: int, trials: int, rows: int) -> None:
    """Print what comes of *trials* of a change that does so many *times* what it should do."""
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"noise of seed {seed}; {rows} rows, {RUNS} runs each", flush=True)
    with (
        opened(Engine.SQLITE, rows) as (database, watch, worker),
        noise(Path(tempfile.gettempdir()), seed),
    ):
        began = time.monotonic()
        colours: list[Colour] = []
        for number in range(1, trials + 1):
            colours.append(verdict(database, watch, worker, (BASELINE, times)))
            if number % 5 == 0 or number == trials:
                found = ", ".join(f"{colours.count(each)} {each}" for each in Colour)
                spent, load = time.monotonic() - began, os.getloadavg()[0]
                print(f"of {number}: {found} ({spent:.0f} s, load {load:.1f})", flush=True)


def cost(engine: Engine, runs: int, rows: int) -> None:
    """Print what restoring and one step take, with and without being watched, in turn."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    steps: dict[bool, list[float]] = {False: [], True: []}
    used: dict[bool, list[float]] = {False: [], True: []}
    with opened(engine, rows) as (database, watch, worker):
        for number in range(2 * runs + 2):
            is_watched = number % 2 == 1
            began, cpu = time.monotonic(), _cpu()
            database.reset("start")
            if is_watched:
                watch.begin(["people"])
            origin, until = worker.run()
            if is_watched:
                watch.end(origin=origin, until=until)
            if number >= 2:
                seconds[is_watched].append(time.monotonic() - began)
                steps[is_watched].append(until - origin)
                used[is_watched].append(_cpu() - cpu)
    for name, found in (("all", seconds), ("the step alone", steps), ("runner's CPU", used)):
        alone, with_watch = (statistics.median(found[each]) for each in (False, True))
        more = f" ({with_watch / alone - 1:+.1%})" if found is not used else ""
        print(f"{engine}: {name}: {alone:.3f} s alone, {with_watch:.3f} s watched{more}")


def _cpu() -> float:
    """Return the CPU time of this process, without its children."""
    found = resource.getrusage(resource.RUSAGE_SELF)
    return found.ru_utime + found.ru_stime


def overhead(runs: int, rows: int) -> None:
    """Print what watching costs on each engine."""
    for engine in Engine:
        with contextlib.suppress(BrokenPipeError):
            cost(engine, runs, rows)


def alarms(trials: int, rows: int) -> None:
    """Judge a harmless change so often: none is red."""
    judge_many(BASELINE, trials, rows)


def power(trials: int, rows: int) -> None:
    """Judge a change that takes half as long again so often: 95 of 100 are red."""
    judge_many(SLOWER, trials, rows)


SECTIONS = {"overhead": overhead, "alarms": alarms, "power": power}
"""They take long: only if they are asked for."""
