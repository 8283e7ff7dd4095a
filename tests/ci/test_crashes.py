"""Crashes: a runner that is ended anywhere leaves nothing, and goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ci.slow_tree import MARIADB, add_dataset, slow_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.ci.slow_tree import Slow

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

CRASHING = Path(__file__).with_name("crashing")
ENDED = {
    (signal.SIGKILL, "run"): -signal.SIGKILL,
    (signal.SIGTERM, "run"): 130,
    (signal.SIGINT, "run"): 130,
}
"""How a run ends that is ended; a job is begun again."""
PLACES = 8
"""In each kind of process, of all that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs one dataset, and says what is left."""

    slow: Slow
    dataset: str

    @property
    def folders(self) -> Sequence[Path]:
        """Where a report goes, and all else."""
        return self.slow.folder / "report", self.slow.folder / "pages", self.slow.state.folder

    @property
    def temporary(self) -> Path:
        return self.slow.folder / "temporary"

    def run(self, name: str, **crash: str) -> tuple[int, str]:
        """Return the exit code and what was said to people."""
        report, pages, state = self.folders
        command = [sys.executable, "-m", "ci", "run", "--run", name]
        command += ["--base", self.slow.base, "--change", self.slow.head]
        command += ["--repository", str(self.slow.checkout), "--state", str(state)]
        command += ["--dataset", str(self.slow.datasets), "--dataset", self.dataset]
        command += ["--pages", str(pages), "--report", f"json={report / name}.json"]
        self.temporary.mkdir(exist_ok=True)
        ours = {"PYTHONPATH": str(CRASHING), "TMPDIR": str(self.temporary)}
        environment = {**os.environ, **ours, **crash}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def places(self, process: str) -> list[str]:
        """Return where it could be ended, some of all."""
        record = self.slow.folder / "places"
        record.unlink(missing_ok=True)
        name = f"record-{time.monotonic_ns()}"  # of a run that is new everything is done
        code, said = self.run(name, CRASH_IN=process, CRASH_RECORD=str(record))
        assert code == 0, said
        found = record.read_text().splitlines()
        return found[:: -(-len(found) // PLACES)]

    def crash(self, number: signal.Signals, process: str, place: str, name: str) -> None:
        """End it at *place*, and expect the same command to go on with nothing left behind."""
        once = self.slow.folder / "once"
        once.unlink(missing_ok=True)
        told = {"CRASH_IN": process, "CRASH_AT": place, "CRASH_ONCE": str(once)}
        code, said = self.run(name, **told, CRASH_WITH=str(int(number)))
        assert once.exists(), place
        assert code == ENDED.get((number, process), 0), (place, said)
        self.slow.wait_for(str(self.slow.folder), gone=True)
        if number != signal.SIGKILL:
            assert self.left() == [], place

        found = f"{self.dataset}: green" in said
        code, said = self.run(name)
        assert code == 0, (place, said)
        assert f"{self.dataset}: {'done before' if found else 'green'}" in said, place
        assert self.left() == [], place
        (result,) = json.loads((self.folders[0] / f"{name}.json").read_text())
        assert result["run"] == name

    def left(self) -> list[str]:
        halves = [each for folder in self.folders for each in folder.rglob(".*half*")]
        return [*self.slow.folders_left(), *map(str, (*halves, *self.temporary.iterdir()))]


@pytest.fixture(scope="module")
def slow() -> Iterator[Slow]:
    with slow_project(0.05) as project:
        add_dataset(project.datasets / "c", MARIADB)
        yield project


@pytest.mark.parametrize("process", ["run", "job"])
@pytest.mark.parametrize(
    ("dataset", "number", "every"),
    [
        ("a", signal.SIGKILL, 1),
        ("a", signal.SIGTERM, 4),
        ("b", signal.SIGKILL, 4),
        ("c", signal.SIGKILL, 4),
    ],
)
def test_a_runner_that_is_ended_anywhere_goes_on(
    slow: Slow, dataset: str, number: signal.Signals, every: int, process: str
) -> None:
    runner = Runner(slow=slow, dataset=dataset)
    runner.run("first")  # what is made once is there
    places = runner.places(process)[::every]
    assert len(places) >= 2
    for count, place in enumerate(places):
        runner.crash(number, process, place, f"{dataset}-{number}-{process}-{count}")
