"""The story: juno and kilo at work on one database while its columns change under them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from cloud.generate import fill
from demo.application import engine_of
from demo.check import Checked, check
from demo.processes import Process
from demo.releases import COUNTED, SHARED, counted, shared

if TYPE_CHECKING:
    from demo.terminal import Terminal

ROOT = Path(__file__).parent.parent
DONE, WORK_REMAINS, REFUSED = 0, 1, 3
SECONDS = 2.0
"""How long the processes are left alone where the story waits for them."""


class StoryError(Exception):
    """The story went another way than it was told."""


class Story:
    """One telling, on the database at *url*, with logs in *folder*."""

    def __init__(self, terminal: Terminal, *, url: str, folder: Path, rows: int) -> None:
        self.terminal = terminal
        self.url = url
        self.folder = folder
        self.rows = rows
        self.engine = engine_of(url)
        self.processes: dict[str, Process] = {}

    def tell(self) -> list[Checked]:
        """Tell it from beginning to end and return what was checked."""
        try:
            self.juno()
            self.expand()
            self.kilo()
            self.too_early()
            self.move()
            self.last_rows()
            self.liberty()
            return self.proof()
        finally:
            for process in self.processes.values():
                process.kill()
            self.engine.dispose()

    def juno(self) -> None:
        """Make the database as it was before, and start old code on it."""
        self.terminal.title("Before: a small cloud at release juno")
        self.migrator("sync", "--version", "juno")
        with self.engine.begin() as connection:
            written = fill(connection, self.rows)
            flavors = sa.table("flavors", *map(sa.column, ("flavorid", "memory_mb")))
            names = [*map(shared, range(SHARED)), *map(counted, range(COUNTED))]
            rows = [{"flavorid": name, "memory_mb": 0} for name in names]
            connection.execute(sa.insert(flavors), rows)
        self.start("juno")
        self.terminal.say(
            f"""
            {sum(written.values()):,} rows are generated. NULL, 0, '' and 0.0 are among the
            values that will move: they are the ones that get lost. One process of the old
            code runs from here on. It adds instances, and overwrites memory_mb of some
            flavors without reading it first.
            """
        )

    def expand(self) -> None:
        """Add what kilo needs while old code runs."""
        self.terminal.title("Expand: what only adds, under running code")
        self.terminal.say(
            """
            The next release calls memory_mb foobars, keeps disks in GB, splits addresses,
            renames a queue, and has flavors in JSON. First its columns are added. Old code
            does not notice: no statement of juno names them.
            """
        )
        self.migrator("sync", "--version", "kilo")
        self.report()

    def kilo(self) -> None:
        """Start new code beside the old, and let rows move as it loads and saves them."""
        self.terminal.title("Transition: new code beside the old")
        self.start("kilo")
        self.terminal.say(
            """
            A process of kilo runs now as well. Its converters read rows of both forms, and
            whatever it saves is in the new form, the old column emptied in the same
            statement. What juno still writes into an old column counts, and is converted
            again: a value there is an inbox.

            The limit: juno must not read what has moved, it would see NULL, nor count it
            up. Here it only adds and overwrites. Code that reads the old columns has to be
            replaced before rows move.
            """
        )
        time.sleep(SECONDS)
        self.report()
        self.migrator("status")

    def too_early(self) -> None:
        """Try the contract, and have it refused."""
        self.terminal.title("Too early: the guard refuses the contract")
        self.terminal.say(
            """
            The contracts of liberty drop the old columns. The guard looks at the data, not
            at a job's word for it, and at who is alive.
            """
        )
        self.migrator("sync", "--version", "liberty", expect={REFUSED})
        self.report()

    def move(self) -> None:
        """Move rows in batches beside both releases."""
        self.terminal.title("Move the rest in batches, beside both")
        some = str(self.rows // 5)
        self.migrator("online-migrate", "--max-count", some, expect={WORK_REMAINS})
        self.migrator("online-migrate", expect={WORK_REMAINS, REFUSED})
        self.report()
        self.terminal.say(
            """
            Instances that a task is changing were left alone, and hid nobody behind them.
            """
        )

    def last_rows(self) -> None:
        """Stop old code, end the tasks, and move what is left."""
        self.terminal.title("Old code stops, the tasks end, the last rows move")
        self.stop("juno")
        with self.engine.begin() as connection:
            connection.execute(sa.text("UPDATE instances SET task_state = NULL"))
        self.migrator("online-migrate")

    def liberty(self) -> None:
        """Replace kilo, which still names the old columns, and contract."""
        self.terminal.title("Contract: the old columns go")
        self.terminal.say(
            """
            Converters name the old columns too, so kilo may not be there when they go.
            Liberty maps the new ones only. It takes over, and keeps writing.
            """
        )
        self.start("liberty")
        self.stop("kilo")
        self.migrator("guard", "12")
        self.migrator("sync", "--version", "liberty")
        time.sleep(SECONDS / 4)
        self.stop("liberty")

    def proof(self) -> list[Checked]:
        """Check every promise that was made on the way."""
        self.terminal.title("What was checked")
        logs = {release: process.path for release, process in self.processes.items()}
        start = dict.fromkeys(map(counted, range(COUNTED)), 0)
        checked = check(self.engine, logs, rows=self.rows, counted=start)
        self.terminal.table(checked)
        return checked

    def start(self, release: str) -> None:
        """Start a process of *release*."""
        self.processes[release] = Process(
            release, url=self.url, folder=self.folder, rows=self.rows, root=ROOT
        )

    def stop(self, release: str) -> None:
        """Stop the process of *release*, and say what it did."""
        process = self.processes[release]
        process.stop()
        self.terminal.say(f"{release} has stopped after {process.done:,} transactions.")

    def report(self) -> None:
        """Say how far the processes have come; each of them has to be well."""
        for process in self.processes.values():
            process.expect_well()
        done = (f"{name} {each.done:,}" for name, each in self.processes.items())
        self.terminal.say(f"Transactions acknowledged so far: {', '.join(done)}.")

    def migrator(
        self, *arguments: str, expect: frozenset[int] | set[int] = frozenset({DONE})
    ) -> None:
        """Run a command of migrator, which has to exit as the story has it."""
        code = self.terminal.run(ROOT, self.url, *arguments)
        if code not in expect:
            wanted = " or ".join(map(str, sorted(expect)))
            raise StoryError(f"migrator {arguments[0]} exited with {code}, not {wanted}")
