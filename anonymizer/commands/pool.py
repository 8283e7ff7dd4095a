"""`anonymizer pool`."""

from __future__ import annotations

from pathlib import Path

import click

from anonymizer.pool import write_pools


@click.command("pool")
@click.argument("locale")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(locale: str, folder: Path) -> None:
    """Write the words of LOCALE, as the installed Faker has them, into FOLDER.

    Another Faker has other words. Keep the folder, and name it as the locale of masks:
    mask.name(locale="FOLDER"). Words may be taken out or added, one a line.
    """
    for each in write_pools(locale, folder):
        click.echo(f"{each.kind}: {len(each.words):,} words, {each.digest[:16]}")
