"""The report of `migrator online-migrate`: a line per batch, and a table at the end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from migrator.online import Outcome, Started
from migrator.session import Retry
from migrator.worker import Batch, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import Task, TaskID

    from migrator.online import Event
    from migrator.stopwatch import Statement

WIDTH = 80
HEADINGS = ("Migration", "Total Needed", "Completed")


def event_as_json(event: Event | Statement) -> dict[str, Any]:
    """Return *event* as `--json` prints it: a kind, and what the event holds."""
    if isinstance(event, Outcome):
        return _outcome_as_json(event)
    return {"event": type(event).__name__.lower(), **asdict(event)}


def summary_as_json(outcomes: Sequence[Outcome], code: int) -> dict[str, Any]:
    """Return the object that ends the output of `--json`."""
    return {
        "event": "summary",
        "exit_code": code,
        "needed": sum(each.needed for each in outcomes),
        "completed": sum(each.completed for each in outcomes),
    }


def event_lines(event: Event) -> Iterator[str]:
    """Yield the lines of *event* for people."""
    match event:
        case Batch(found=0):
            return
        case Batch(failed=failed):
            line = _matched(event.found, event.transition, event.completed)
            yield f"{line}, {failed} failed" if failed else line
        case Retry():
            yield f"  {event.reason}; again in {event.wait_seconds:.1f} s"
        case Waiting():
            yield f"  waits for {', '.join(event.owners)}, at work on {event.transition}"
        case Outcome(error=error) if error is not None:
            yield from wrap(f"{event.transition} stopped: {error}", WIDTH, subsequent_indent="  ")
        case Outcome():
            yield from _rest(event)
        case Started():
            return


def summary_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the table that ends the output for people, as nova-manage prints it."""
    rows = [(each.transition, str(each.needed), str(each.completed)) for each in outcomes]
    widths = [max(len(cell) for cell in column) for column in zip(HEADINGS, *rows, strict=True)]
    rule = f"+-{'-+-'.join('-' * width for width in widths)}-+"
    yield rule
    yield _row(HEADINGS, widths)
    yield rule
    yield from (_row(row, widths) for row in rows)
    yield rule


@contextmanager
def watching(wanted: bool) -> Iterator[Callable[[Event], None]]:  # noqa: FBT001 - one switch
    """Show a progress bar below the lines, with rate and time left, when it is *wanted*."""
    if not wanted:
        yield lambda _event: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Rows a second, over the last half minute: what the time left is made of."""

        @override
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f} rows/s")

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def watch(event: Event) -> None:
        if isinstance(event, Started):
            tasks[event.transition] = progress.add_task(event.transition, total=event.movable)
        elif isinstance(event, Batch):
            progress.update(tasks[event.transition], advance=event.completed)

    with progress:
        yield watch


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = (cell for cell in cells)
    shown = [name.ljust(widths[0])]
    shown += [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
    return f"| {' | '.join(shown)} |"


def _matched(found: int, name: str, completed: int) -> str:
    return f"{found} rows matched query {name}, {completed} migrated"


def _rest(outcome: Outcome) -> Iterator[str]:
    """Yield what is left of a transition and cannot be moved now, as batches are told."""
    if outcome.skipped:
        yield _matched(outcome.skipped, outcome.transition, 0)
        yield "  in a transitional state, left for later"
    if outcome.failed:
        yield f"{outcome.failed} rows of {outcome.transition} are in quarantine: migrator status"


def _outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    error = None if outcome.error is None else outcome.error.message
    return {
        "event": "outcome",
        "transition": outcome.transition,
        "table": outcome.table,
        "needed": outcome.needed,
        "completed": outcome.completed,
        "skipped": outcome.skipped,
        "failed": outcome.failed,
        "movable": outcome.movable,
        "seconds": outcome.seconds,
        "error": error,
    }
