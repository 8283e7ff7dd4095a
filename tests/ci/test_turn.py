"""Turn: one runner measures on a machine at a time, and a killed one is in nobody's way."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from ci.errors import BusyError, UnwantedError
from ci.turn import Turn
from tests.ci.slow_tree import slow_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ci.slow_tree import Slow

SECONDS = 30
HOLDER = """
import subprocess, sys
from pathlib import Path
from ci.turn import Turn
with Turn(path=Path(sys.argv[1])).held("run r1") as file:
    left = subprocess.Popen(["sleep", "60"], pass_fds=[file] if sys.argv[2:] else [])
    print(left.pid, flush=True)
    left.wait()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "turn"


def test_jobs_of_one_runner_share_its_turn(path: Path) -> None:
    turn = Turn(path=path)
    with turn.held("run r1") as first:
        with turn.held("run r2") as second:
            assert first == second
        with pytest.raises(BusyError, match=r"^run r1, since 2"), busy(path).held("run r3"):
            pass
    with busy(path).held("run r3"):
        pass


def busy(path: Path) -> Turn:
    return Turn(path=path, wait=False)


def test_another_runner_waits_and_says_for_whom(path: Path) -> None:
    told: list[str] = []
    heard = threading.Event()

    def tell(said: str) -> None:
        told.append(said)
        heard.set()

    def other() -> None:
        with Turn(path=path, tell=tell).held("run r2"):
            told.append("begins")

    thread = threading.Thread(target=other)
    with Turn(path=path).held("run r1"):
        thread.start()
        assert heard.wait(SECONDS)
        assert [each.partition(",")[0] for each in told] == ["waiting for run r1"]
    thread.join(SECONDS)
    assert told[1:] == ["begins"]


def test_what_nobody_wants_any_more_does_not_wait(path: Path) -> None:
    other = Turn(path=path, tell=lambda _: None)
    with Turn(path=path).held("run r1"), pytest.raises(UnwantedError), other.held("r2", unwanted):
        pass


def unwanted() -> bool:
    return True


@pytest.mark.thorough
def test_a_killed_runner_has_the_turn_until_what_it_started_is_gone(path: Path) -> None:
    for handed_on in ([], ["handed on"]):
        command = [sys.executable, "-c", HOLDER, str(path), *handed_on]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            left = holder.stdout.readline().strip().decode()
            holder.kill()
            holder.wait()
            if handed_on:
                with pytest.raises(BusyError), busy(path).held("run r2"):
                    pass
            subprocess.run(["/bin/kill", left], check=True)
        with Turn(path=path).held("run r2"):
            pass


@pytest.fixture(scope="module")
def slow() -> Iterator[Slow]:
    with slow_project(0.05) as project:
        yield project


@pytest.mark.thorough
def test_a_run_waits_for_its_turn_unless_it_is_told_not_to(slow: Slow) -> None:
    module = [sys.executable, "-m", "ci", "run", "--base", slow.base, "--change", slow.head]
    places = ["--repository", str(slow.checkout), "--dataset", str(slow.datasets / "a")]
    command = [*module, *places, "--state", str(slow.state.folder)]
    with Turn(path=slow.state.turn).held("run r1"):
        refused = subprocess.run([*command, "--no-wait"], stderr=subprocess.PIPE, check=False)
        assert refused.returncode == 3
        assert b"error: run r1, since" in refused.stderr
        with subprocess.Popen(command, stderr=subprocess.PIPE) as waiting:
            assert waiting.stderr is not None
            said = [waiting.stderr.readline(), waiting.stderr.readline()]
            assert said[1].startswith(b"waiting for run r1, since")
            waiting.terminate()
            assert waiting.wait(SECONDS) == 130
