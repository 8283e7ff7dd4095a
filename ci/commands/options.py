"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ci.state import State, default_folder

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")


def state_option(command: Command) -> Command:
    """Give *command* the option `--state`, and the state itself."""

    def made(_context: click.Context, _option: click.Parameter, folder: Path | None) -> State:
        return State(folder=(folder or default_folder()).absolute()).make()

    return click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="MIGRATOR_CI_STATE",
        callback=made,
        metavar="DIR",
        help="Where databases, environments and the history are kept; MIGRATOR_CI_STATE, or "
        "~/.local/state/migrator-ci otherwise.",
    )(command)
