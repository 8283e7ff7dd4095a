"""`python -m ci trend`."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import click

from ci.commands.options import state_option
from ci.datasets.dataset import Measure
from ci.history import open_history
from ci.measures import shown
from ci.report.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.history import Series
    from ci.state import State

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 20
NAMES = [each.value.replace("_", "-") for each in Measure]


@click.command("trend")
@click.option("--dataset", metavar="NAME", help="This dataset alone.")
@click.option("--step", metavar="NAME", help="This migration alone.")
@click.option("--measure", type=click.Choice(NAMES), default="seconds", show_default=True)
@click.option("--last", type=click.IntRange(1, 100_000), default=1000, show_default=True)
@state_option
def command(*, dataset: str | None, step: str | None, measure: str, last: int, state: State) -> int:
    """Show what each step took over past runs, the newest to the right.

    Exits with 1 when there is nothing to show.
    """
    with open_history(state.history) as history:
        found = history.series(
            dataset=dataset, name=step, measure=Measure(measure.replace("-", "_")), limit=last
        )
    if not found:
        _say_nothing_found(state)
        return 1
    for line in lines(found):
        click.echo(line)
    return 0


def _say_nothing_found(state: State) -> None:
    """Say what there is instead: a name may be mistyped, or the state another one."""
    click.echo("no run has measured that")
    with open_history(state.history) as history:
        known = sorted({each.dataset for each in history.series()})
    said = f"runs have measured {', '.join(known)}" if known else f"{state.folder} has no run yet"
    click.echo(f"{click.style('hint:', bold=True)} {said}", err=True)


def lines(series: Sequence[Series]) -> Iterator[str]:
    """Yield the lines of *series*: a heading for each dataset, a line for each step."""
    heading = None
    for each in series:
        place = f"{each.dataset} ({each.engine})"
        if place != heading:
            heading = place
            yield f"{place:<36} {'runs':>5} {'median':>10} {'last':>10}"
        values = [point.value for point in each.points]
        last, usual = shown(each.measure, values[-1]), shown(each.measure, median(values))
        name = shorten(f"  {each.name}", 36)
        yield f"{name:<36} {len(values):>5} {usual:>10} {last:>10} {_sparks(values[-WIDTH + 5 :])}"


def _sparks(values: Sequence[float]) -> str:
    """Return *values* as blocks: from the smallest to the largest of them."""
    low, high = min(values), max(values)
    if high == low:
        return BLOCKS[3] * len(values)
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round((each - low) / (high - low) * top)] for each in values)
