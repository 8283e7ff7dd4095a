"""Runs whose jobs need no database: `python gerrit_stand_in.py FOLDER` for `-m ci.gerrit.work`.

With the word `daemon` first it is `python -m ci gerrit`, whose runs are these. What a job does
beside is in behave.json in the state folder: {"sleep": DATASET} or {"die": DATASET}.
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

from ci import cli  # noqa: E402
from ci.commands import gerrit as command  # noqa: E402
from ci.gerrit import work  # noqa: E402
from ci.gerrit.daemon import Daemon  # noqa: E402
from ci.result import Walked  # noqa: E402
from ci.timing import Engine, Kind, Step, Timing  # noqa: E402
from tests.ci.results import SEEN, result  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.order import Order
    from ci.result import Result
    from ci.state import State

WORKER = (sys.executable, str(Path(__file__)))


def carry_out(order: Order, state: State, _folders: Sequence[Path]) -> Result:
    """Return a result at once, or do what is asked for first."""
    said = state.folder / "behave.json"
    behave = json.loads(said.read_text()) if said.exists() else {}
    with (state.folder / "carried.txt").open("a") as file:
        file.write(f"{order.dataset} {order.head}\n")
    if behave.get("sleep") == order.dataset:
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        (state.folder / "child.txt").write_text(str(child.pid))
        time.sleep(1000)
    if behave.get("die") == order.dataset:
        os.kill(os.getpid(), signal.SIGKILL)
    path = next(each for each in order.touched if "versions" in each)
    step = Step(version="ccc3", name="slow", kind=Kind.UPGRADE, path=path)
    made = result(order.run)
    finding = replace(made.findings[0], step=step)
    walked = Walked(sha=order.head, timings=(Timing(step=step, seconds=3, observation=SEEN),))
    return replace(
        made, dataset=order.dataset, engine=Engine.SQLITE, change=walked, findings=(finding,)
    )


if __name__ == "__main__":
    if sys.argv[1] == "daemon":
        vars(command)["Daemon"] = partial(Daemon, worker=WORKER)
        cli.main(["gerrit", *sys.argv[2:]])
    vars(work)["carry_out"] = carry_out
    sys.exit(work.main(sys.argv[1:]))
