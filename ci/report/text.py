"""Text: a run at a glance, for a terminal of 80 columns."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from ci.result import Colour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.report.view import Part, View

WIDTH = 80
NAME = 42
SIGNS = {Colour.GREEN: " ", Colour.YELLOW: "?", Colour.RED: "!"}


def lines(view: View) -> Iterator[str]:
    """Yield the lines of a run: each dataset with its steps, then what was found."""
    for part in view.parts:
        yield from _part(part)
        yield ""
    yield view.word


def shorten(name: str, width: int = NAME) -> str:
    """Return *name* with its end left out, where it is longer than *width*."""
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _part(part: Part) -> Iterator[str]:
    yield f"{part.name}: {part.word} in {part.took}"
    if part.rows:
        yield f"    {'step':<{NAME}} {'time':>10} {'baseline':>10} {'stall':>10}"
    for row in part.rows:
        name = shorten(row.step.title)
        stall = row.figures.get("longest stall", "")
        yield (
            f"  {SIGNS[row.colour]} {name:<{NAME}} {row.seconds:>10} "
            f"{row.baseline or 'new':>10} {stall:>10}"
        )
    for each in part.result.findings:
        yield from wrap(
            f"{each.rule}: {each.said}",
            WIDTH,
            initial_indent=f"{SIGNS[each.colour]} ",
            subsequent_indent="  ",
        )
