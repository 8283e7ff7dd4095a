"""Progress: how much of the input is read, how fast, and how long it still takes; for people."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def shown(source: BinaryIO, *, size: int | None, title: str) -> Iterator[BinaryIO]:
    """Give *source*, of *size* bytes, as a file whose reading shows on a terminal's stderr.

    Nothing is written where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield source
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=size)
        yield progress.wrap_file(source, task_id=task)
