"""The queue of runs: each patch set once, whatever happens, and nothing lost."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from typing_extensions import override

from ci.gerrit.events import Change, PatchSet
from ci.gerrit.jobs import ACTIVE, State
from ci.gerrit.queue import AGAIN_SECONDS, ATTEMPTS, Queue
from ci.gerrit.triggers import Act

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANGE = Change(project="acme/cloud", branch="main", number=1234)
NAMES = (f"r{number}" for number in itertools.count())


def patch(number: int) -> PatchSet:
    return PatchSet(number=number, revision=f"{number:040x}")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Iterator[Queue]:
    with Queue(tmp_path / "queue.db", clock=clock) as found:
        yield found


def ask(queue: Queue, number: int = 1, act: Act = Act.RUN, asked: int = 1000) -> bool:
    return queue.ask(next(NAMES), CHANGE, patch(number), asked=asked, act=act)


def states(queue: Queue) -> list[tuple[int, str]]:
    return [(each.patch_set.number, each.state.value) for each in queue.jobs()]


def test_a_patch_set_runs_once(queue: Queue) -> None:
    assert [ask(queue), ask(queue)] == [True, False]
    job = queue.take()
    assert job
    assert (job.ref, job.patch_set) == ("refs/changes/34/1234/1", patch(1))
    assert not ask(queue)
    assert queue.finish(job.run, State.DONE)
    queue.posted(job.run)
    assert not ask(queue)
    assert queue.take() is None


def test_a_newer_patch_set_ends_the_older_one(queue: Queue) -> None:
    ask(queue, 1)
    job = queue.take()
    assert job
    assert ask(queue, 2)
    assert states(queue) == [(1, "cancelled"), (2, "pending")]
    assert not queue.finish(job.run, State.DONE)
    assert not ask(queue, 1)


def test_another_commit_under_the_same_number_takes_its_place(queue: Queue) -> None:
    """Once each: what the server says last is fetched, and compared with what it is."""
    lie = PatchSet(number=1, revision="f" * 40)
    assert queue.ask("lie", CHANGE, lie, asked=1000)
    assert ask(queue, 1)
    assert [(each.patch_set.revision[:1], each.state) for each in queue.jobs()] == [
        ("f", State.CANCELLED),
        ("0", State.PENDING),
    ]
    assert not ask(queue, 1)


def test_the_same_code_runs_only_if_it_ended_a_run(queue: Queue) -> None:
    assert not ask(queue, 1, Act.FOLLOW)
    ask(queue, 1)
    assert ask(queue, 2, Act.FOLLOW)
    assert states(queue) == [(1, "cancelled"), (2, "pending")]
    job = queue.take()
    assert job
    queue.finish(job.run, State.DONE)
    assert not ask(queue, 3, Act.FOLLOW)


def test_a_recheck_runs_again_and_is_answered_once(queue: Queue) -> None:
    ask(queue, asked=1000)
    assert not ask(queue, act=Act.AGAIN, asked=2000)
    job = queue.take()
    assert job
    queue.finish(job.run, State.DONE)
    assert not ask(queue, act=Act.AGAIN, asked=2001)  # the same comment, heard of otherwise
    assert ask(queue, act=Act.AGAIN, asked=3000)
    assert not ask(queue, act=Act.AGAIN, asked=3000)


def test_an_abandoned_change_runs_when_it_is_restored(queue: Queue) -> None:
    ask(queue)
    assert queue.cancel(CHANGE) == 1
    assert queue.cancel(CHANGE) == 0
    assert ask(queue)
    assert states(queue) == [(1, "cancelled"), (1, "pending")]


def test_what_fails_is_tried_later_and_not_for_ever(queue: Queue, clock: Clock) -> None:
    ask(queue)
    for attempt in range(ATTEMPTS):
        job = queue.take()
        assert job
        assert queue.later(job.run, State.RUNNING, said="no") is (attempt + 1 < ATTEMPTS)
        assert queue.take() is None
        clock.now += AGAIN_SECONDS * 2**attempt
    assert states(queue) == [(1, "failed")]
    assert queue.jobs()[0].said == "no"


def test_what_was_running_in_a_crash_goes_on_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with Queue(path) as queue:
        ask(queue)
        job = queue.take()
    for _ in range(ATTEMPTS - 1):
        with Queue(path) as queue:
            assert queue.recover() == 1
            assert queue.take() == job
    with Queue(path) as queue:
        assert queue.recover() == 0
        assert states(queue) == [(1, "failed")]


def test_being_stopped_is_no_attempt(queue: Queue) -> None:
    ask(queue)
    for _ in range(2 * ATTEMPTS):
        job = queue.take()
        assert job
        queue.put_back(job.run)
    assert states(queue) == [(1, "pending")]


def test_the_mark_never_goes_back(queue: Queue) -> None:
    assert queue.marked() is None
    for at in (5, 9, 3, 2_000_000):
        queue.mark(at)
    assert queue.marked() == 1_000_000


def test_threads_take_each_job_once(queue: Queue) -> None:
    for number in range(1, 41):
        change = Change(project="acme/cloud", branch="main", number=number)
        queue.ask(f"many{number}", change, patch(1), asked=1)
    taken: list[str] = []

    def work() -> None:
        while job := queue.take():
            taken.append(job.run)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(taken) == sorted(f"many{number}" for number in range(1, 41))


WRITER = """
import os, sys
from pathlib import Path
from ci.gerrit.events import Change, PatchSet
from ci.gerrit.queue import Queue
from ci.gerrit.jobs import State
queue = Queue(Path(sys.argv[1]))
for number in range(1, 10_000):
    change = Change(project="p", branch="main", number=number)
    queue.ask(f"k{number}", change, PatchSet(number=1, revision="a" * 40), asked=1)
    job = queue.take()
    print(number, flush=True)
    queue.finish(job.run, State.DONE)
"""


def test_a_kill_loses_no_word(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout
        lines = [program.stdout.readline() for _ in range(20)]
        program.kill()
        lines += program.stdout.readlines()
    last = int([each for each in lines if each.endswith("\n")][-1])
    with Queue(path) as queue:
        jobs = queue.jobs()
        assert len(jobs) in {last, last + 1}
        assert all(each.state is State.DONE for each in jobs[: last - 1])
        assert queue.recover() <= 1


class Orderly(RuleBasedStateMachine):
    """Whatever happens in whatever order, no change has two runs that are to come."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(":memory:")  # type: ignore[arg-type]  # SQLite's name for no file
        self.at = 0

    @rule(number=st.integers(1, 4), act=st.sampled_from((Act.RUN, Act.AGAIN, Act.FOLLOW)))
    def ask(self, number: int, act: Act) -> None:
        self.at += 100
        ask(self.queue, number, act, self.at)

    @rule()
    def cancel(self) -> None:
        self.queue.cancel(CHANGE)

    @rule()
    def take(self) -> None:
        self.queue.take()

    @rule(state=st.sampled_from((State.DONE, State.SILENT, State.FAILED)))
    def finish(self, state: State) -> None:
        for each in self.queue.jobs():
            self.queue.finish(each.run, state)

    @rule()
    def crash(self) -> None:
        self.queue.recover()

    @invariant()
    def one_run_of_the_newest(self) -> None:
        jobs = self.queue.jobs()
        active = [each for each in jobs if each.state in ACTIVE]
        assert len(active) <= 1
        if active:
            assert active[0].patch_set.number == max(each.patch_set.number for each in jobs)

    @override
    def teardown(self) -> None:
        self.queue.__exit__()


def test_no_change_has_two_runs_to_come() -> None:
    run_state_machine_as_test(Orderly, settings=settings(max_examples=25, deadline=None))
