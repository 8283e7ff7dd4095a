"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")


def decisions(command: Command) -> Command:
    """Give *command* the options --models and --policy."""
    command = click.option(
        "--policy",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="TOML or Python: decisions on tables that have no models.",
    )(command)
    return click.option(
        "--models", metavar="MODULE", multiple=True, help="app.models, or app.models:Base."
    )(command)


def schema_of(command: Command) -> Command:
    """Give *command* the option --schema."""
    return click.option(
        "--schema",
        metavar="PLACE",
        help="Look tables up in another dump or database, as for what comes through a pipe.",
    )(command)
