"""`migrator services`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from migrator.database import read_only, read_write
from migrator.report.services import as_json as rows
from migrator.report.services import lines
from migrator.services import forget, listed, named

if TYPE_CHECKING:
    from migrator.config import Settings


@click.command("services")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--forget", "forgotten", metavar="ID", help="Remove a process that is dead.")
@click.option("--force", is_flag=True, help="Remove it although its lease still runs.")
@click.pass_obj
def command(settings: Settings, *, as_json: bool, forgotten: str | None, force: bool) -> None:
    """List the processes that registered themselves, and what they map.

    One that maps a column keeps the guard from dropping it until it ends, or until its
    lease is over. --forget is for a machine that is known to be dead.
    """
    url = settings.database_url()
    if forgotten is not None:
        with read_write(url) as connection, connection.begin():
            service = named(connection, forgotten, force=force)
            forget(connection, service)
        click.secho(
            f"forgot {service.name} on {service.host}, process {service.pid}: "
            "if it lives, its queries will fail",
            fg="red",
            err=True,
        )
        return
    with read_only(url) as connection:
        found = listed(connection)
    if as_json:
        click.echo(json.dumps(rows(found)))
        return
    for line in lines(found):
        click.echo(line)
