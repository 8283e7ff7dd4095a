"""`migrator new`."""

from __future__ import annotations

import json
import os
from textwrap import fill
from typing import TYPE_CHECKING

import click

from migrator.recipes import FORMS, Recipe, Written, read_recipe, write_contract, write_expand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrator.config import Settings

WIDTH = 80

HELP = {
    "rename": "Give a column another name.",
    "retype": "Give a column another type, and a new name.",
    "split": "Split a text into several columns.",
    "fill": "Add a column and fill it in every row.",
    "add": "Add a column.",
}


def _recipe_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each recipe; it may be given more than once."""
    for kind in reversed(FORMS):
        option = click.option(
            f"--{kind}", kind, metavar=FORMS[kind], multiple=True, help=HELP[kind]
        )
        function = option(function)
    return function


@click.command("new")
@click.argument("name")
@_recipe_options
@click.option("--contract", is_flag=True, help="Write a contract.")
@click.option(
    "--completes", metavar="TRANSITION", multiple=True, help="Transition the contract completes."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    settings: Settings,
    /,
    *,
    name: str,
    contract: bool,
    completes: Sequence[str],
    json_wanted: bool,
    **recipes: Sequence[str],
) -> None:
    """Write the migration NAME, its test and its line in the manifest.

    An expand, unless --contract is given. A recipe writes the transition as well. Needs no
    database; makes the manifest and its folder when there are none.
    """
    asked = [read_recipe(kind, text) for kind in FORMS for text in recipes[kind]]
    if (contract or completes) and asked:
        raise click.UsageError(f"{asked[0].option} is for an expand, not for a contract")
    written = _write(settings, name, asked, completes if contract or completes else None)
    if json_wanted:
        click.echo(json.dumps(_as_json(written)))
        return
    for path in (*written.files, written.manifest.path):
        click.echo(f"Wrote {os.path.relpath(path)}")
    for note in written.notes:
        click.echo(fill(f"Note: {note}.", WIDTH, break_on_hyphens=False), err=True)


def _write(
    settings: Settings, name: str, recipes: Sequence[Recipe], completes: Sequence[str] | None
) -> Written:
    """Write an expand of *recipes*, or a contract that *completes* transitions."""
    if completes is not None:
        return write_contract(settings.manifest, name, completes)
    return write_expand(settings.manifest, name, recipes)


def _as_json(written: Written) -> dict[str, object]:
    """Return what was written as one object."""
    return {
        "version": written.manifest.latest,
        "manifest": str(written.manifest.path),
        "files": [str(path) for path in written.files],
        "notes": list(written.notes),
    }
