"""Runs whose jobs need no database: `python gerrit_stand_in.py FOLDER` for `-m ci.gerrit.work`.

With the word `daemon` first it is `python -m ci gerrit`, whose runs are these; with `job`,
`-m ci.scheduler.job`. What a job does beside is in behave.json in the state folder:
{"sleep": DATASET}, {"die": DATASET}, {"kill": DATASET} (once) or {"refuse": DATASET}.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from ci.errors import SandboxError  # noqa: E402
from ci.result import Walked  # noqa: E402
from ci.scheduler import job  # noqa: E402
from ci.timing import Engine, Kind, Step, Timing  # noqa: E402
from tests.ci.results import SEEN, result  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.order import Order
    from ci.result import Result
    from ci.state import State

WORKER = (sys.executable, str(Path(__file__)))


def carry_out(order: Order, state: State, _folders: Sequence[Path], _tell: object) -> Result:
    """Return a result at once, or do what is asked for first."""
    said = state.folder / "behave.json"
    behave = json.loads(said.read_text()) if said.exists() else {}
    with (state.folder / "carried.txt").open("a") as file:
        file.write(f"{order.dataset} {order.head}\n")
    if behave.get("sleep") == order.dataset:
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        (state.folder / "child.txt").write_text(str(child.pid))
        time.sleep(1000)
    if behave.get("refuse") == order.dataset:
        raise SandboxError("there is none")
    if behave.get("kill") == order.dataset:
        said.unlink()
    if order.dataset in {behave.get("die"), behave.get("kill")}:
        os.kill(os.getpid(), signal.SIGKILL)
    path = next(each for each in order.touched if "versions" in each)
    step = Step(version="ccc3", name="slow", kind=Kind.UPGRADE, path=path)
    made = result(order.run)
    finding = replace(made.findings[0], step=step)
    walked = Walked(sha=order.head, timings=(Timing(step=step, seconds=3, observation=SEEN),))
    return replace(
        made,
        dataset=order.dataset,
        engine=Engine.SQLITE,
        baseline=Walked(sha=order.base),
        change=walked,
        findings=(finding,),
    )


def main(what: str, *arguments: str) -> int:
    """Be one of the three programs, with no more imported than it needs."""
    if what == "job":
        vars(job)["carry_out"] = carry_out
        return job.main(arguments)
    from ci.scheduler import processes

    vars(processes)["JOB"] = (*WORKER, "job")
    if what != "daemon":
        from ci.gerrit import work

        return work.main([what])
    from ci import cli
    from ci.commands import gerrit as command
    from ci.gerrit.daemon import Daemon

    vars(command)["Daemon"] = partial(Daemon, worker=WORKER)
    cli.main(["gerrit", *arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
