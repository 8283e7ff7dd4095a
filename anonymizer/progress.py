"""Progress: how much of the input is read, how fast, and how long it still takes; for people."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID


@contextmanager
def shown(source: BinaryIO, *, size: int | None, title: str) -> Iterator[BinaryIO]:
    """Give *source*, of *size* bytes, as a file whose reading shows on a terminal's stderr.

    Nothing is written where stderr is no terminal.
    """
    with _bar(size, title) as bar:
        if bar is None:
            yield source
        else:
            progress, task = bar
            yield progress.wrap_file(source, task_id=task)


@contextmanager
def ticking(size: int, *, title: str) -> Iterator[Callable[[int], None]]:
    """Give what is told how many of *size* bytes are done, and shows that."""
    with _bar(size, title) as bar:
        if bar is None:
            yield lambda _done: None
        else:
            progress, task = bar
            yield lambda done: progress.update(task, completed=done)


@contextmanager
def _bar(size: int | None, title: str) -> Iterator[tuple[Progress, TaskID] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    # It takes longer to import than most of what is masked without a terminal.
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(None),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown_:
        yield shown_, shown_.add_task(title, total=size)
