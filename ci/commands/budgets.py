"""`python -m ci budgets`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ci.commands.options import state_option
from ci.datasets import Measure, find_datasets
from ci.datasets.toml import NAME
from ci.errors import DatasetError
from ci.history import open_history
from ci.learn import SHARE, as_diff, propose
from ci.numbers import least_samples

if TYPE_CHECKING:
    from ci.state import State


@click.command("budgets")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@state_option
def command(*, folder: Path, state: State) -> int:
    """Propose budgets for the dataset in FOLDER, from past runs, as a diff of its dataset.toml.

    Nothing is changed: read the diff, and apply it with patch. Exits with 1 when there is
    nothing to propose.
    """
    if not (folder / NAME).is_file():
        raise DatasetError(f"{folder} has no {NAME}", hint="a config.json is not written to")
    (dataset,) = find_datasets([folder], cache=state.digests)
    with open_history(state.history) as history:
        proposals = [
            proposal
            for measure in Measure
            for proposal in propose(
                dataset,
                history.series(project=dataset.project, dataset=dataset.name, measure=measure),
            )
        ]
    if not proposals:
        least = least_samples(SHARE)
        said = (
            f"every step is within its budget, or has fewer than {least} runs of the target branch"
        )
        none = f"{folder / NAME} has no budget: begin with one for every step, stall = 0.5"
        click.echo(
            said if dataset.budgets.default or dataset.budgets.exceptions else none, err=True
        )
        return 1
    click.echo(as_diff(folder / NAME, proposals), nl=False)
    return 0
