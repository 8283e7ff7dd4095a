"""A project whose migration does what its file says, as to take long, and what runs it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.order import Order
from ci.state import State
from tests.ci.origin import origin
from tests.ci.wheels import write_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOL = """
import json, os, pathlib, sqlite3, subprocess, sys, time
from urllib.parse import parse_qs, urlsplit

FILE = pathlib.Path("versions/slow.py")
URL = os.environ["MIGRATOR_DATABASE_URL"]
PARTS = urlsplit(URL)

def sql(statement):
    if URL.startswith("sqlite"):
        with sqlite3.connect(URL.partition("///")[2]) as db:
            return str(db.execute(statement).fetchall())
    if URL.startswith("postgresql"):
        command = ["psql", URL.replace("+psycopg2", ""), "-Atc", statement]
    else:
        socket = parse_qs(PARTS.query)["unix_socket"][0]
        login = [f"--user={PARTS.username}", f"--password={PARTS.password}", f"--socket={socket}"]
        command = ["mariadb", *login, PARTS.path[1:], "-e", statement]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

def done():
    if URL.startswith("sqlite"):
        return "done" in sql("SELECT name FROM sqlite_master WHERE name = 'done'")
    tables = "SELECT table_name FROM information_schema.tables"
    return "done" in sql(f"{tables} WHERE table_name = 'done'")

def tell(**said):
    print(json.dumps({"at": time.monotonic(), **said}))

def main():
    if "status" in sys.argv:
        step = {"number": 1, "name": "slow", "phase": "expand", "files": [str(FILE)]}
        pending = [step] if FILE.exists() and not done() else []
        print(json.dumps({"version": 0, "pending": pending, "transitions": []}))
    else:
        tell(event="started", version=1)
        exec(FILE.read_text())
        sql("CREATE TABLE done (id int)")
        tell(event="finished", version=1, seconds=0.1)
"""
"""What the tree brings as its `migrator`."""
DUMPS = {
    "a": "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE people (id int);\nCOMMIT;\n",
    "b": "-- PostgreSQL database dump\nCREATE TABLE people (id int);\n"
    "-- PostgreSQL database dump complete\n",
}
MARIADB = "-- MariaDB dump\nCREATE TABLE people (id int);\n-- Dump completed\n"
PROJECT = """
[tool.ci]
project = "slow"
driver = "migrator"
wheels = ["{wheels}"]
runs = 1
"""
SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """The project, in a folder that servers may pass through."""

    folder: Path
    base: str
    head: str
    settings: bytes

    @property
    def checkout(self) -> Path:
        return self.folder / "project"

    @property
    def datasets(self) -> Path:
        return self.folder / "datasets"

    @property
    def state(self) -> State:
        return State(folder=self.folder / "state").make()

    def order(self, run: str, dataset: str) -> Order:
        return Order(
            run=run,
            project="slow",
            source=str(self.checkout),
            base=self.base,
            head=self.head,
            touched=("versions/slow.py",),
            adds=True,
            dataset=dataset,
            settings=self.settings,
        )

    def left(self) -> list[str]:
        """Return the command lines that have to do with the folder."""
        found = []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = each.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(self.folder) in words:
                found.append(words)
        return found

    def folders_left(self) -> list[str]:
        """Return what is left of folders of work and of servers."""
        state = self.state
        found = [*state.work.glob("*"), *state.servers.glob("*.*")]
        return [each.name for each in found]

    def wait_for(self, word: str, *, gone: bool = False) -> None:
        """Wait until a command line has a *word* in it, or none."""
        give_up = time.monotonic() + SECONDS
        while any(word in each for each in self.left()) == gone:
            assert time.monotonic() < give_up, self.left()
            time.sleep(0.05)


@contextmanager
def slow_project(seconds: float, *, doing: str = "") -> Iterator[Slow]:
    """Give a project with a change whose migration takes so many *seconds*, *doing* something."""
    folder = Path(tempfile.mkdtemp(prefix="ci-slow-", dir="/tmp"))
    folder.chmod(0o711)
    entry = {"slowmigrator-1.0.dist-info/entry_points.txt": ENTRY}
    write_wheel(folder / "wheels", "slowmigrator", {"slowmigrator.py": TOOL, **entry})
    for name, dump in DUMPS.items():
        add_dataset(folder / "datasets" / name, dump)
    project = origin(folder / "project")
    settings = PROJECT.format(wheels=folder / "wheels")
    base = project.commit(**{"pyproject.toml": settings, "requirements.txt": "slowmigrator\n"})
    project.git("checkout", "--quiet", "-b", "change")
    head = project.commit(**{"versions/slow.py": f"{doing}\ntime.sleep({seconds})\n"})
    before = os.environ.get("PIP_NO_INDEX")
    os.environ["PIP_NO_INDEX"] = "1"
    try:
        yield Slow(folder=folder, base=base, head=head, settings=settings.encode())
    finally:
        if before is None:
            del os.environ["PIP_NO_INDEX"]
        shutil.rmtree(folder)


def add_dataset(folder: Path, dump: str) -> None:
    """Write a dataset of a script; one that is there becomes another."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dump.sql").write_text(dump)
    (folder / "dataset.toml").touch()


ENTRY = "[console_scripts]\nmigrator = slowmigrator:main\n"
