"""Screen: what people see while datasets run, and how it gets there from another process."""

from __future__ import annotations

import io
import os
import tempfile
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from ci.commands.screen import Bars, Lines, Screen, shown
from ci.order import Order
from ci.where import LONGEST, Follower, Where, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER = Order(
    run="r1", project="p", source="/p", base="a", head="b", dataset="[red]small", settings=b""
)
TOLD = (
    Where(phase="restore", engine="sqlite"),
    Where(phase="install", engine="sqlite"),
    *(
        Where(phase=phase, run=run, runs=2, step=step, engine="sqlite")
        for run in (0, 1, 2, 3)
        for phase in ("change", "baseline")
        for step in ("", "1 make_people", "2 name_people")
    ),
    Where(phase="change", run=1, runs=2, again=True, engine="sqlite"),
)


@pytest.fixture
def file() -> Iterator[int]:
    with tempfile.TemporaryFile() as opened:
        yield opened.fileno()


def test_what_is_told_is_read_by_another_who_leaves_the_writer_alone(file: int) -> None:
    follower = Follower(file)
    for each in TOLD[:2]:
        os.write(file, encode(each))
    os.write(file, encode(TOLD[2])[:5])
    assert tuple(follower.news()) == TOLD[:2]
    os.write(file, encode(TOLD[2])[5:])
    assert tuple(follower.news()) == TOLD[2:3]
    assert not tuple(follower.news())


@pytest.mark.parametrize("line", [b"", b"{", b"[" * 2000, b'{"phase": 1}', b" " * (LONGEST + 1)])
def test_a_line_that_says_nothing_is_none(line: bytes) -> None:
    assert decode(line) is None


def tell(screen: Screen) -> None:
    for each in TOLD:
        screen.tell(ORDER, each)
    screen.done(ORDER)
    screen.say("[red]small: green in 3 s")


def test_a_round_is_a_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with shown() as screen:
        assert isinstance(screen, Lines)
        tell(screen)
    rounds = [each.partition(": ")[2] for each in capsys.readouterr().err.splitlines()]

    assert rounds == [
        "restore", "install", "cold run", "run 1 of 2", "run 2 of 2",
        "run 3, as they differ much", "second look, run 1 of 2", "green in 3 s",
    ]  # fmt: skip


def test_a_terminal_shows_the_step_and_is_clean_at_the_end() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    column = TextColumn("{task.description}", markup=False)
    with Progress(column, console=console, transient=True, auto_refresh=False) as progress:
        bars = Bars(progress)
        bars.tell(ORDER, TOLD[5])
        progress.refresh()
        assert isinstance(console.file, io.StringIO)
        assert "[red]small (sqlite): baseline, cold run" in console.file.getvalue()
        tell(bars)
        assert not progress.tasks

    assert "[red]small: green in 3 s\n" in console.file.getvalue()
