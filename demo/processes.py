"""The processes of the application: started beside the story, stopped by it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from demo.log import read

if TYPE_CHECKING:
    from pathlib import Path

STOP_SECONDS = 30.0
START_SECONDS = 30.0


BESIDE = ("(Background on this error", "[SQL: ", "[parameters: ")
"""What SQLAlchemy writes after what a driver says."""


class ProcessError(Exception):
    """A process of the application died; nothing of the change may make it."""


class Process:
    """One process of one release, whose log can be read while it writes."""

    def __init__(self, release: str, *, url: str, folder: Path, rows: int, root: Path) -> None:
        self.release = release
        self.path = folder / f"{release}.log"
        self.errors = folder / f"{release}.errors"
        command = [sys.executable, "-m", "demo.application", release, "--log", str(self.path)]
        with self.errors.open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [*command, "--rows", str(rows)],
                cwd=root,
                env={**os.environ, "MIGRATOR_DATABASE_URL": url},
                stdin=subprocess.PIPE,
                stderr=errors,
            )
        self._wait_for_work()

    @property
    def done(self) -> int:
        """How many transactions were acknowledged so far."""
        return sum(1 for _ in read(self.path))

    def stop(self) -> None:
        """Tell the process that it is enough, and wait until it is gone."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(STOP_SECONDS)
        self.expect_well()

    def kill(self) -> None:
        """End the process at once, if it is still there."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def expect_well(self) -> None:
        """Raise ProcessError if the process died of something."""
        if self.process.poll():
            text = self.errors.read_text(encoding="utf-8")
            said = [each for each in text.splitlines() if each and not each.startswith(BESIDE)]
            raise ProcessError(f"{self.release} died: {said[-1] if said else 'no word of why'}")

    def _wait_for_work(self) -> None:
        """Wait until the process has done something."""
        until = time.monotonic() + START_SECONDS
        while not self.done:
            self.expect_well()
            if time.monotonic() > until:
                raise ProcessError(f"{self.release} does nothing")
            time.sleep(0.05)
