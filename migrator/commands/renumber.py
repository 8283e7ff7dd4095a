"""`migrator renumber`."""

from __future__ import annotations

import json
import os
from textwrap import fill
from typing import TYPE_CHECKING

import click

from migrator.config import show_url
from migrator.errors import MigratorError
from migrator.renumber import Keeps, applied_numbers, mend, refuse_applied
from migrator.report.renumber import as_json, lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrator.config import Settings


WIDTH = 80


@click.command("renumber")
@click.option("--ours-first", "keeps", flag_value="ours", help="HEAD keeps its numbers.")
@click.option("--theirs-first", "keeps", flag_value="theirs", help="The other side does.")
@click.option("--dry-run", is_flag=True, help="Print the difference, write nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(settings: Settings, *, keeps: str | None, dry_run: bool, json_wanted: bool) -> None:
    """Mend the manifest after a merge.

    Keeps every entry of both sides of a conflict of git. The side that is on the target
    branch already keeps its numbers, the other's entries come after it. Without a
    conflict, closes gaps and numbers used twice.
    """
    mended = mend(settings.manifest, Keeps(keeps) if keeps else None)
    looked = None
    if mended is not None:
        applied, looked = _look(settings.url)
        refuse_applied(mended, applied, looked or "")
        if not dry_run:
            mended.manifest.write()
    if json_wanted:
        click.echo(json.dumps(as_json(mended, looked=looked, written=bool(mended and not dry_run))))
        return
    if mended is None:
        click.echo("Nothing to renumber.")
        return
    for line in lines(mended):
        click.echo(line)
    if dry_run:
        click.echo(f"\n{mended.diff}", nl=False)
    elif mended.order is not None:
        click.echo(f"Now run: git add {os.path.relpath(settings.manifest)}")


def _look(url: str | None) -> tuple[Mapping[str, int], str | None]:
    """Return what is applied, and where that was seen; say it when nothing could be seen."""
    if url is None:
        why = "no database is given"
    else:
        try:
            return applied_numbers(url), show_url(url)
        except MigratorError as error:
            why = error.message
    said = f"Could not look whether an entry is applied already: {why}."
    click.echo(fill(said, WIDTH, break_on_hyphens=False, break_long_words=False), err=True)
    return {}, None
