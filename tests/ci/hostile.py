"""Run what a hostile change could run, in the sandbox that this machine has."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.sandbox import Bubblewrap, Job
from ci.settings import Limits
from tests.servers import processes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.sandbox import Ended, Sandbox

PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
SMALL = Limits(memory_mib=512, processes=40, temporary_mib=16, file_mib=8, cpu_seconds=20)
ORDINARY = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
"""Before a command: it runs as an ordinary user, whoever runs us."""
FAILS = """
import sys
def fails(*what):
    for each in what:
        try:
            each()
        except OSError as error:
            print(type(error).__name__, error.errno)
        else:
            print("done")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    ended: Ended
    lines: list[str]
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A place for hostile code: *tree* is read-only to it, *data* may be written to."""

    folder: Path
    sandbox: Sandbox

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def run(
        self,
        code: str,
        *arguments: str,
        limits: Limits = SMALL,
        seconds: float = 60,
        readable: Sequence[Path] = (),
    ) -> Heard:
        """Run Python *code*, and return what was heard of it."""
        lines: list[bytes] = []
        log = self.folder / "log"
        job = Job(
            arguments=(str(PYTHON), "-I", "-S", "-c", code, *arguments),
            folder=self.tree,
            readable=(Path(sys.base_prefix), self.tree, *readable),
            writable=(self.data,),
            limits=limits,
        )
        ended = self.sandbox.run(job, log=log, seconds=seconds, step="evil", hear=lines.append)
        return Heard(
            ended=ended, lines=[each.decode() for each in lines], log=log.read_text("utf-8")
        )


def place(folder: Path, sandbox: Sandbox | None = None) -> Hostile:
    """Return a place for hostile code in *folder*."""
    (folder / "tree").mkdir()
    (folder / "data").mkdir()
    return Hostile(folder=folder, sandbox=sandbox or Bubblewrap())


def alive(mark: str) -> list[int]:
    """Return the processes that have *mark* in their command line."""
    return [each for each in processes._all() if mark in processes._command(each)]
