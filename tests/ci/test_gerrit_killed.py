"""A daemon that is a process: killed, stopped, run once; it leaves nothing and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.ci.gerrit_double import ANN
from tests.ci.gerrit_place import CHANGE, is_running, older, place, soon, states
from tests.ci.gerrit_stand_in import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ci.gerrit_place import Place

pytestmark = pytest.mark.thorough


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, ("large",)) as found:
        yield found


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        yield found


@contextmanager
def process(where: Place, **how: bool) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        where.command(**how),
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as program:
        try:
            soon(lambda: where.double.listeners)
            yield program
        finally:
            program.kill()


def test_a_daemon_that_is_killed_before_it_hears_that_it_has_posted(where: Place) -> None:
    where.double.hold = True
    with process(where) as program:
        where.upload()
        soon(lambda: where.messages())
        program.kill()
        program.wait()
        where.double.hold = False
    assert states(where) == ["done"]
    assert where.once().returncode == 0
    assert states(where) == ["posted"]
    assert len(where.messages()) == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_that_ends_leaves_nothing_and_goes_on(both: Place, how: signal.Signals) -> None:
    where = both
    where.behave(sleep="small")
    with process(where) as program:
        where.upload()
        child = where.state.folder / "child.txt"
        soon(child.exists)
        program.send_signal(how)
        assert program.wait(30) == (-how if how is signal.SIGKILL else 0)
        soon(lambda: not is_running(int(child.read_text())))
    assert states(where) == ["running" if how is signal.SIGKILL else "pending"]
    where.behave()
    done = where.once()

    assert done.returncode == 0, done.stderr
    assert len(where.messages()) == 1
    assert where.carried() == ["large", "small", "small"]
    assert not list(where.state.work.glob("*"))


def test_once_does_what_there_is_and_ends(where: Place) -> None:
    """Over ssh alone, for there is no password."""
    where.upload()
    assert where.once("--since", "2020-01-01", password=False).returncode == 0
    where.double.comment(CHANGE, "recheck", by=ANN)
    older(where)
    done = where.once(password=False)

    assert done.returncode == 0
    assert len(where.messages()) == 2
    assert "\x1b" not in done.stderr
    assert "reboot" not in done.stderr


def test_once_says_that_something_is_left(where: Place) -> None:
    where.upload()
    where.double.refusals = [500] * 50
    assert where.once("--since", "2020-01-01").returncode == 2


def test_one_daemon_works_in_a_folder(where: Place) -> None:
    with process(where):
        done = where.once()
    assert done.returncode == 2
    assert "another daemon works" in done.stderr
