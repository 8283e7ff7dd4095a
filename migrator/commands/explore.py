"""`migrator explore`."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from migrator.errors import PlanError
from migrator.explore import explore
from migrator.manifest import Manifest
from migrator.report.explore import lines

if TYPE_CHECKING:
    from migrator.config import Settings


@click.command("explore")
@click.argument("number", metavar="N|NAME")
@click.option("--table", metavar="T", help="Show the schema of this table only.")
@click.option("--in-database", is_flag=True, help="Use --database instead of a scratch one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    settings: Settings, *, number: str, table: str | None, in_database: bool, as_json: bool
) -> None:
    """Show what migration N does: its SQL and the schema before and after.

    Walks an SQLite database of its own to the version before, and then to N. With
    --in-database it does so in the database that is given when that is empty; one that is
    at the version before is looked at only; any other is refused.
    """
    manifest = Manifest.load(settings.manifest)
    url = settings.database_url() if in_database else None
    found = explore(manifest, _number(manifest, number), url=url, table=table)
    if as_json:
        click.echo(json.dumps(found.as_json()))
        return
    for line in lines(found):
        click.echo(line)


def _number(manifest: Manifest, wanted: str) -> int:
    """Return the number of the entry that *wanted* numbers or names."""
    for entry in manifest.entries:
        if wanted in {str(entry.number), entry.name}:
            return entry.number
    near = get_close_matches(wanted, [entry.name for entry in manifest.entries], n=1)
    raise PlanError(
        f"there is no migration {wanted!r}, expected a number up to {manifest.latest} or a name",
        hint=f"did you mean {near[0]}?" if near else f"{manifest.path.name} lists them",
    )
