"""Scheduler: processes and workers that are killed lose nothing and leave nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import CiError, ConfigurationError
from ci.order import decode, encode
from ci.scheduler import Address, Answer, Processes, Tls
from ci.scheduler import answer as answers
from tests.ci.results import result
from tests.ci.slow_tree import slow_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.where import Where
    from tests.ci.slow_tree import Slow

STEP_SECONDS = 1.5
SANDBOX = "bwrap"
SYNC = "migrator sync"
END_SECONDS = 20
JOB = "ci.scheduler.job"
TLS = Tls(ca=Path("ca"), cert=Path("cert"), key=Path("key"))


@pytest.fixture(scope="module")
def slow() -> Iterator[Slow]:
    with slow_project(STEP_SECONDS) as project:
        yield project


def pids(word: str, slow: Slow) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().decode("utf-8", "replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if word in words and str(slow.folder) in words and "warden.py" not in words:
            found.append(int(each.parent.name))
    return found


def expect_nothing_left(slow: Slow) -> None:
    slow.wait_for(str(slow.folder), gone=True)
    assert slow.folders_left() == []


def kill_once(slow: Slow, word: str = JOB) -> threading.Thread:
    """Kill what has *word* in its command line when the change runs in its sandbox."""

    def kill() -> None:
        slow.wait_for(SYNC)
        for pid in pids(word, slow):
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@pytest.mark.thorough
def test_an_order_is_begun_again_when_its_process_is_killed(slow: Slow) -> None:
    killer = kill_once(slow)
    told: list[Where] = []
    tell = lambda _order, where: told.append(where)  # noqa: E731 - as short as that
    with Processes(slow.state, [slow.datasets], tell=tell) as processes:
        ((order, answer),) = processes.answers([slow.order("r1", "a")])
    killer.join()
    assert told[-1].round == "run 1 of 1"
    assert {each.step for each in told} >= {"", "1 slow"}

    assert order.dataset == "a"
    found = answer.found()
    assert found.change is not None, found.failures
    assert [each.step.name for each in found.change.timings] == ["slow"] * 2
    assert Path(slow.state.private("r1") / "a.job.log").exists()
    expect_nothing_left(slow)


@pytest.mark.thorough
def test_a_program_that_dies_by_itself_is_not_begun_again(slow: Slow, tmp_path: Path) -> None:
    state = slow.state
    folder = tmp_path / "nowhere"
    with Processes(state, [folder]) as processes:
        answer = processes.answer(slow.order("r2", "b"))
    assert "is no folder" in answer.refused
    with pytest.raises(CiError, match="is no folder"):
        answer.found()


@pytest.mark.thorough
def test_a_job_has_a_deadline(slow: Slow) -> None:
    order = slow.order("r3", "a")
    order = replace(order, settings=order.settings + b"[tool.ci.deadlines]\njob = 0.5\n")
    with Processes(slow.state, [slow.datasets]) as processes:
        answer = processes.answer(order)
    assert answer.refused == "a: the whole job: not done after 0.5 s, and ended"
    expect_nothing_left(slow)


@pytest.fixture
def run(slow: Slow) -> list[str]:
    module = [sys.executable, "-m", "ci", "run", "--base", slow.base, "--change", slow.head]
    told = ["--dataset", str(slow.datasets), "--repository", str(slow.checkout)]
    return [*module, *told, "--state", str(slow.state.folder)]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        signal.SIGKILL,
    ],
)
def test_a_runner_that_is_ended_leaves_nothing_and_goes_on(
    slow: Slow, run: list[str], number: int, tmp_path: Path
) -> None:
    name = f"r-{number}"
    command = [*run, "--run", name]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        slow.wait_for("/servers/postgresql")
        slow.wait_for(SYNC)
        began = time.monotonic()
        first.send_signal(number)
        _, said = first.communicate()
        expect_nothing_left(slow)
    assert time.monotonic() - began < END_SECONDS
    assert "a: green" in said
    if number != signal.SIGKILL:
        assert first.returncode == 130
        assert f"--run {name}" in said

    more = ["--json", "--pages", str(tmp_path)]
    again = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
    assert "a: done before" in again.stderr
    assert "b: green" in again.stderr
    assert again.returncode == 0
    assert [each["dataset"] for each in json.loads(again.stdout)] == ["a", "b"]
    assert {each.name for each in tmp_path.iterdir()} == {
        f"{name}.html", f"{name}.json", "index.html",
    }  # fmt: skip
    expect_nothing_left(slow)


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("tcp://localhost:1", "tcp://localhost:1"),
        ("[::1]:2", "tcp://[::1]:2"),
    ],
)
def test_a_scheduler_of_this_machine_needs_no_certificates(said: str, url: str) -> None:
    assert Address.parse(said).url == url


@pytest.mark.parametrize(
    "said", ["", "here", "ws://127.0.0.1:1", "10.0.0.1:8786", "tls://127.0.0.1:1", "evil.org:1"]
)
def test_no_other_address_is_taken_without_certificates(said: str) -> None:
    with pytest.raises(ConfigurationError):
        Address.parse(said)


def test_an_address_on_the_network_has_certificates_or_a_word() -> None:
    assert Address.parse("ci.example.org:1", tls=TLS).url == "tls://ci.example.org:1"
    assert Address.parse("ci.example.org:1", insecure=True).url == "tcp://ci.example.org:1"
    with pytest.raises(ConfigurationError):
        Address.parse("tcp://127.0.0.1:1", tls=TLS)


def test_an_order_is_read_strictly(slow: Slow) -> None:
    order = slow.order("r1", "b")
    assert decode(encode(order)) == order
    for bad in (b"{}", b"[", encode(slow.order("../r1", "b")), encode(slow.order("r1", "../b"))):
        with pytest.raises(CiError, match="no order"):
            decode(bad)


@pytest.mark.parametrize(
    "other", [{"run": "r2"}, {"dataset": "b"}, {"project": "x"}, {"base": "c" * 40}, {"head": "c"}]
)
def test_a_result_of_something_else_is_refused(slow: Slow, other: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"run": "r1", "dataset": "small", "project": "cloud"}
    order = replace(slow.order("", ""), **asked, base="a" * 40, head="b" * 40)
    document = answers.encode(Answer(result=result("r1")))
    assert answers.decode(document, order).found().run == "r1"
    with pytest.raises(CiError, match="something else"):
        answers.decode(document, replace(order, **other))


def test_an_answer_is_read_strictly(slow: Slow) -> None:
    order = slow.order("r1", "a")
    said = answers.encode(Answer(refused="no", hint="why", kind="dataset"))
    assert answers.decode(said, order).refused == "no"
    other = answers.encode(Answer(result=result("r2")))
    for bad in (b"{}", b"[", b"x" * 5_000_000, other):
        with pytest.raises(CiError):
            answers.decode(bad, order)
