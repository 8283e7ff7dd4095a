"""`migrator guard`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from migrator.database import read_only, read_write
from migrator.errors import GuardError
from migrator.guard.explain import completed_by, explain, pending_contracts
from migrator.guard.fence import lift_fences
from migrator.lock import runner_lock
from migrator.manifest import Manifest
from migrator.migration import load_all
from migrator.report.guard import lines

if TYPE_CHECKING:
    from migrator.config import Settings


@click.command("guard")
@click.argument("contract", required=False, metavar="[N|NAME]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--lift", is_flag=True, help="Take away what a contract that was killed left.")
@click.pass_obj
def command(settings: Settings, *, contract: str | None, as_json: bool, lift: bool) -> int:
    """Explain what blocks the contract N, or each that is pending.

    Changes nothing, unless --lift is given. Exits with 0 when nothing blocks them and 3
    when something does.
    """
    manifest = Manifest.load(settings.manifest)
    url = settings.database_url()
    if lift:
        _lift(manifest, url, contract)
        return 0
    with read_only(url) as connection:
        found = explain(connection, manifest, contract)
    if as_json:
        click.echo(json.dumps({"contracts": [each.as_json() for each in found]}))
    else:
        for line in lines(found):
            click.echo(line)
    return GuardError.exit_code if any(each.blockers for each in found) else 0


def _lift(manifest: Manifest, url: str, wanted: str | None) -> None:
    """Take away the fences of contracts that do not run."""
    migrations = load_all(manifest)
    with read_write(url) as connection, runner_lock(connection):
        with connection.begin():
            contracts = pending_contracts(connection, migrations, wanted)
        transitions = [each for one in contracts for each in completed_by(one, migrations)]
        lifted = lift_fences(connection, transitions)
    for name in lifted:
        click.echo(f"lifted {name}")
    if not lifted:
        click.echo("no fence stands")
