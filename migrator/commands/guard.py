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
    from sqlalchemy.engine import Connection

    from migrator.config import Settings
    from migrator.transitions import Transition


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
    """Take away the fences of the contract *wanted*, or all: one that runs holds the lock."""
    with read_write(url) as connection, runner_lock(connection):
        lifted = lift_fences(connection, _transitions(connection, manifest, wanted))
    for name in lifted:
        click.echo(f"lifted {name}")
    if not lifted:
        click.echo("no fence stands")


def _transitions(
    connection: Connection, manifest: Manifest, wanted: str | None
) -> tuple[Transition, ...] | None:
    """Return what the contract *wanted* completes; None for all that ever was."""
    if wanted is None:
        return None
    migrations = load_all(manifest)
    with connection.begin():
        (contract,) = pending_contracts(connection, migrations, wanted)
    return completed_by(contract, migrations)
