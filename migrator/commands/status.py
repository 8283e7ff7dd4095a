"""`migrator status`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from migrator.database import read_only
from migrator.manifest import Manifest
from migrator.report.status import lines
from migrator.status import status

if TYPE_CHECKING:
    from migrator.config import Settings


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(settings: Settings, *, as_json: bool) -> None:
    """Show where the database is, and what is left to do.

    Counts the rows of each transition that is not completed, and says what blocks the
    next contract. Changes nothing; exits with 0 whatever it finds.
    """
    manifest = Manifest.load(settings.manifest)
    url = settings.database_url()
    with read_only(url) as connection:
        found = status(connection, manifest)
    if as_json:
        click.echo(json.dumps(found.as_json(), default=str))
        return
    for line in lines(found, url):
        click.echo(line)
