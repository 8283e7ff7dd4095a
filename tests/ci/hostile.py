"""Run what a hostile change could run, in the sandbox that this machine has."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.sandbox import Bubblewrap, Job
from ci.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.sandbox import Ended, Sandbox

PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
SMALL = Limits(memory_mib=512, processes=40, temporary_mib=16, file_mib=8, cpu_seconds=20)


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
