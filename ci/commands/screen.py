"""Screen: what is said on standard error while datasets run; on a terminal a bar for each."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from ci.order import Order
    from ci.where import Where

REFRESHED = 2
"""Times a second: a runner that draws takes time from what is measured."""


class Screen(Protocol):
    """What is told, from any thread, where orders are."""

    def tell(self, order: Order, where: Where) -> None:
        """Show what *order* begins."""

    def say(self, line: str) -> None:
        """Print *line*, which stays."""

    def done(self, order: Order) -> None:
        """Show nothing more of *order*."""


class Lines:
    """A line for each round of each dataset."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def tell(self, order: Order, where: Where) -> None:
        """Print which round it is, if that is new."""
        said = where.round or where.phase
        if self._told.get(order.dataset) != said:
            self._told[order.dataset] = said
            self.say(f"{_name(order, where)}: {said}")

    def say(self, line: str) -> None:
        """Print *line*."""
        click.echo(line, err=True)

    def done(self, order: Order) -> None:
        """Forget *order*."""
        self._told.pop(order.dataset, None)


class Bars:
    """A bar for each dataset, with the step that it is at, below the lines."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def tell(self, order: Order, where: Where) -> None:
        """Move the bar of *order*: each walk is as far as any other."""
        if order.dataset not in self._tasks:
            self._progress.start()
            self._tasks[order.dataset] = self._progress.add_task(_name(order, where), total=None)
        task = self._tasks[order.dataset]
        self._progress.update(task, description=f"{_name(order, where)}: {where.said}")
        if where.runs is not None and not where.step:
            total = 2 * (where.runs + 1)
            self._progress.update(task, total=total, completed=2 * (where.run or 0))

    def say(self, line: str) -> None:
        """Print *line* above the bars."""
        if self._progress.live.is_started:
            self._progress.console.print(line, markup=False, highlight=False)
        else:
            click.echo(line, err=True)

    def done(self, order: Order) -> None:
        """Remove the bar of *order*."""
        if order.dataset in self._tasks:
            self._progress.remove_task(self._tasks.pop(order.dataset))
            self._progress.refresh()


@contextmanager
def shown() -> Iterator[Screen]:
    """Give what shows where orders are, for people who wait."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    progress = Progress(
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=REFRESHED,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    try:
        yield Bars(progress)
    finally:
        progress.stop()


def _name(order: Order, where: Where) -> str:
    return f"{order.dataset} ({where.engine})" if where.engine else order.dataset
