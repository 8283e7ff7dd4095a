"""`migrator status`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from migrator.database import read_only
from migrator.errors import MigratorError
from migrator.manifest import Manifest
from migrator.report.error import error_as_json
from migrator.report.status import WIDTH, lines
from migrator.status import status

if TYPE_CHECKING:
    from migrator.config import Settings

CLEAR = "\x1b[K"
"""Takes away what stands to the right of the cursor."""


@click.command("status")
@click.option("--no-count", is_flag=True, help="Read no table of yours: count no rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(settings: Settings, *, no_count: bool, as_json: bool) -> None:
    """Show where the database is, and what is left to do.

    Counts the rows of each transition that is not completed, and says what blocks the
    next contract. Changes nothing; exits with 0 whatever it finds.
    """
    try:
        manifest = Manifest.load(settings.manifest)
        url = settings.database_url()
        with read_only(url) as connection:
            found = status(connection, manifest, count=not no_count, say=_say)
    except MigratorError as error:
        if as_json:
            click.echo(json.dumps(error_as_json(error)))
        raise
    finally:
        _say("")
    if as_json:
        click.echo(json.dumps(found.as_json()))
        return
    for line in lines(found, url):
        click.echo(line)


def _say(what: str) -> None:
    """Show on a terminal what takes the time, in one line that the next one replaces."""
    if sys.stderr.isatty():
        click.echo(f"\r{what[:WIDTH]}{CLEAR}", nl=False, err=True)
