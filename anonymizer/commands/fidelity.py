"""`anonymizer fidelity`."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from anonymizer import sidecar
from anonymizer.container import container
from anonymizer.fidelity.compare import compare
from anonymizer.fidelity.drift import Tolerance
from anonymizer.fidelity.report import lines
from anonymizer.passed import KEEPABLE
from anonymizer.record import is_file

_LIMITS = tuple(each.name for each in fields(Tolerance))


@click.command("fidelity")
@click.argument("original")
@click.argument("output")
@click.option(
    "--factor",
    type=click.FloatRange(min=0, min_open=True),
    metavar="F",
    help="By how much it was scaled, if no manifest beside it says so.",
)
@click.option(
    "--tolerance",
    "limits",
    metavar="FIGURE=LIMIT",
    multiple=True,
    help=f"How far a figure may be: {', '.join(_LIMITS)}.",
)
@click.option("--figures", is_flag=True, help="Show every column, not only what drifted.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as one JSON object.")
def command(original: str, output: str, **chosen: Any) -> int:
    """Say how alike OUTPUT is to ORIGINAL, where the time of a migration depends on it.

    Compared are rows, lengths, shares of NULL, distinct values, those that come most often,
    how well values compress and stand in order, and how many rows refer to one. No value of a
    row is shown. Exits with 0 when they are alike, 1 when a figure is too far from what it was.
    """
    factor = chosen["factor"] or _scale(output)
    tolerance = Tolerance(**dict(map(_limit, chosen["limits"])))
    # Nothing is written, so whatever else holds data may be there.
    before, after = (container(each, frozenset(KEEPABLE)) for each in (original, output))
    found = compare(before, after, factor=factor, tolerance=tolerance)
    if chosen["as_json"]:
        click.echo(json.dumps(found.as_json()))
    else:
        click.echo("\n".join(lines(found, figures=chosen["figures"])))
    return found.exit_code


def _scale(output: str) -> float:
    """Return by how much *output* was scaled, as the manifest beside it says; 1 without one."""
    for suffix in (sidecar.SCALED, sidecar.SUFFIX) if is_file(output) else ():
        path = sidecar.path_of(Path(output), suffix)
        if path.is_file():
            return sidecar.read(path).scale
    return 1.0


def _limit(said: str) -> tuple[str, float]:
    figure, _, limit = said.partition("=")
    try:
        found = float(limit)
    except ValueError:
        found = -1.0
    if figure not in _LIMITS or not found >= 0:
        raise click.BadParameter(f"{said!r}: expected FIGURE=LIMIT, of {', '.join(_LIMITS)}")
    return figure, found
