"""Unconfined: jobs of code that is trusted, with a clean environment and limits only."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from ci.sandbox.bubblewrap import each_process, environment
from ci.sandbox.listen import Confined, ignore, listen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ci.sandbox.job import Ended, Job


class Unconfined:
    """Runs jobs as ourselves: they can do what we can."""

    confined = False

    def __init__(self, folder: Path | None = None) -> None:
        """Make homes of jobs in *folder*, which goes with its run; None: among temporary files."""
        self._folder = folder

    def run(
        self,
        job: Job,
        *,
        log: Path,
        seconds: float,
        step: str,
        hear: Callable[[bytes], None] = ignore,
    ) -> Ended:
        """Run *job* to its end, as Sandbox says, confined by nothing but its limits."""
        with tempfile.TemporaryDirectory(prefix="migrator-ci-", dir=self._folder) as home:
            private = {"HOME": home, "TMPDIR": home}
            confined = Confined(
                arguments=job.arguments,
                environment=environment({**private, **job.variables}),
                folder=job.folder,
                each_process={
                    f"RLIMIT_{name.upper()}": value
                    for name, value in each_process(job.limits).items()
                },
                limits=job.limits,
            )
            return listen(confined, log=log, seconds=seconds, step=step, hear=hear)
