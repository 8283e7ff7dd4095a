"""A place where a daemon works for a double of Gerrit: a project, its datasets, a state folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.gerrit.daemon import Daemon, Project
from ci.gerrit.intake import Intake
from ci.gerrit.login import read_login
from ci.gerrit.poster import Poster
from ci.gerrit.queue import Queue
from ci.gerrit.rest import Rest
from ci.gerrit.stream import Stream
from ci.gerrit.triggers import Rules
from ci.settings import read_settings
from ci.state import State
from ci.turn import Turn
from tests.ci import gerrit_stand_in
from tests.ci.alembic_tree import make_alembic_tree
from tests.ci.gerrit_double import gerrit
from tests.ci.gerrit_wire import PROJECT, USER
from tests.ci.origin import origin
from tests.ci.served import SHOP

from ci.timing import Engine  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.ci.gerrit_double import Gerrit

CHANGE = 1234
VERSIONS = "alembic/versions"
REVISION = '''"""Slow."""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "ccc3", "bbb2"


def upgrade():
    op.add_column("people", sa.Column("{column}", sa.Text()))
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    double: Gerrit
    folder: Path

    @property
    def state(self) -> State:
        return State(folder=self.folder / "state").make()

    @property
    def settings_file(self) -> Path:
        path = self.folder / "operator.toml"
        path.write_text(self.double.settings)
        return path

    def behave(self, **how: str) -> None:
        (self.state.folder / "behave.json").write_text(json.dumps(how))

    def carried(self) -> list[str]:
        """Return the datasets that jobs were begun for."""
        path = self.state.folder / "carried.txt"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def commit(self, name: str = f"{VERSIONS}/ccc3_slow.py", text: str | None = None) -> str:
        """Commit a change of one file onto main, beside main, and return the commit."""
        git = self.double.origin
        git.git("checkout", "--quiet", "--detach", "main")
        git.write(name, REVISION.format(column="name") if text is None else text)
        sha = git.commit()
        git.git("checkout", "--quiet", "main")
        return sha

    def upload(self, sha: str | None = None, **how: str) -> str:
        sha = sha or self.commit(text=REVISION.format(column=f"c{time.monotonic_ns()}"))
        self.double.upload(CHANGE, sha, **how)  # type: ignore[arg-type]
        return sha

    def messages(self) -> list[str]:
        return [each["message"] for each in self.double.changes[CHANGE].reviews]

    def command(self, *arguments: str, password: bool = True, stand_in: bool = True) -> list[str]:
        """Return the command line of a daemon, in a process of its own."""
        double = self.double
        program = [str(gerrit_stand_in.__file__), "daemon"] if stand_in else ["-m", "ci", "gerrit"]
        return [
            *(sys.executable, *program, "--settings", str(self.settings_file)),
            *("--source", str(double.origin.folder), "--datasets", str(self.folder / "datasets")),
            *("--ssh-key", str(double.key), "--known-hosts", str(double.known_hosts)),
            *(("--password-file", str(double.password)) if password else ()),
            *("--state", str(self.state.folder), *arguments),
        ]

    def once(self, *arguments: str, **how: bool) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command("--once", *arguments, **how),
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(gerrit_stand_in.ROOT)},
        )


@contextmanager
def place(folder: Path, names: tuple[str, ...] = ("large", "small")) -> Iterator[Place]:
    """Give a place with a project of two alembic revisions and some datasets."""
    repository = origin(folder / "origin")
    make_alembic_tree(repository.folder)
    repository.write("pyproject.toml", '[tool.ci]\nproject = "cloud"\ndriver = "alembic"\n')
    repository.commit()
    for name in names:
        (folder / "datasets" / name).mkdir(parents=True)
        (folder / "datasets" / name / "shop.sql").write_text(SHOP[Engine.SQLITE])
        (folder / "datasets" / name / "dataset.toml").write_text('engine = "sqlite"\nruns = 1\n')
    with gerrit(repository, folder) as double:
        yield Place(double=double, folder=folder)


@contextmanager
def daemon(where: Place) -> Iterator[Daemon]:
    """Run a daemon in a thread; its runs are processes, and stand-ins."""
    settings = read_settings(where.double.settings.encode())
    assert settings.gerrit
    double, stop = where.double, threading.Event()
    login = read_login(
        settings.gerrit,
        password_file=double.password,
        key=double.key,
        known_hosts=double.known_hosts,
    )
    with Queue(where.state.gerrit / "queue.db") as queue, Rest(login) as rest:
        intake = Intake(rest, queue, Rules(project=PROJECT, user=USER))
        intake.begin()
        poster = Poster(
            server=rest,
            queue=queue,
            folders=where.state,
            settings=settings.gerrit,
            contact="dba@example.org",
            stop=stop,
            slowest=0.1,
        )
        found = Daemon(
            project=Project(
                source=str(double.origin.folder),
                root=where.folder,
                folders=(where.folder / "datasets",),
                settings=settings,
            ),
            folders=where.state,
            queue=queue,
            intake=intake,
            poster=poster,
            turn=Turn(path=where.state.turn),
            stop=stop,
            worker=gerrit_stand_in.WORKER,
        )
        stream = Stream(login=login, stop=stop, settle=0.1, slowest=0.2)
        thread = threading.Thread(target=found.serve, args=(stream,))
        thread.start()
        soon(lambda: double.listeners and not intake.behind)
        try:
            yield found
        finally:
            stop.set()
            thread.join()


def states(where: Place) -> list[str]:
    with Queue(where.state.gerrit / "queue.db") as queue:
        return [each.state.value for each in queue.jobs()]


def older(where: Place) -> None:
    """Let the first run be asked for some time ago, so that a recheck is another wish."""
    with Queue(where.state.gerrit / "queue.db") as queue, queue._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET asked = asked - 100")


def soon(true: Callable[[], object], seconds: float = 40) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Return whether a process is there that is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
