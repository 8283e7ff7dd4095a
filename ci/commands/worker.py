"""`python -m ci worker`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ci.commands.options import scheduler_options, state_option
from ci.errors import ToolError

if TYPE_CHECKING:
    from ci.scheduler import Address
    from ci.state import State

MISSING = "packages of the cluster are missing"
INSTALL = "install 'migrator[distributed]'"
GONE = 1


@click.command("worker")
@click.option(
    "--datasets",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A dataset, or a folder of datasets; may be repeated.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Jobs at once; their timings disturb each other.",
)
@click.option(
    "--trust-change",
    is_flag=True,
    help="Where there is no sandbox: authors of changes may do here what you may.",
)
@scheduler_options(required=True)
@state_option
def command(
    *, address: Address, folders: tuple[Path, ...], jobs: int, trust_change: bool, state: State
) -> int:
    """Carry out jobs for the datasets on this machine, for the runners of a scheduler.

    A job is one change on one dataset; what goes back is its result and nothing else. Exits with
    1 when the scheduler is gone, so that who started it may start it again.
    """
    try:
        from ci.scheduler.worker import work
    except ModuleNotFoundError as error:
        raise ToolError(MISSING, hint=INSTALL) from error
    logging.basicConfig(format="%(message)s")
    logging.getLogger("ci").setLevel(logging.INFO)
    logging.getLogger("distributed").setLevel(logging.WARNING)
    work(address, state, [each.absolute() for each in folders], jobs=jobs, trust=trust_change)
    click.echo("the scheduler is gone", err=True)
    return GONE
