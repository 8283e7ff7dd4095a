"""`anonymizer mask`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anonymizer.commands import options
from anonymizer.memory import lasting
from anonymizer.processes import prepare

if TYPE_CHECKING:
    from anonymizer.settings import Settings


@click.command("mask")
@click.argument("source")
@click.argument("target", required=False)
@options.decisions
@options.schema_of
@click.option(
    "--secret",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the secret.",
)
@click.option("--secret-fd", metavar="N", type=int, help="Descriptor to read the secret from.")
@click.option("--one-way", is_flag=True, help="Mask by a random key, and forget it.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that mask side by side.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.option("--dry-run", is_flag=True, help="Do all of it and write nothing.")
@click.option("--no-manifest", is_flag=True, help="Write no OUTPUT.anonymized.json.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
@click.pass_obj
def command(settings: Settings, /, source: str, target: str | None, **chosen: Any) -> None:
    """Mask SOURCE into TARGET: files, folders, databases, or - for a pipe.

    Read are dumps of pg_dump (plain, -Fc, -Fd), mysqldump and mariadb-dump, SQLite's files and
    its .dump; gzip, zstd and lz4 around them; and live databases by their URL. The output is of
    the same kind. Every column of every table needs a decision.
    """
    if (target is None) != chosen["dry_run"]:
        raise click.UsageError("give a TARGET, or --dry-run and none")
    if chosen["jobs"] > 1:
        prepare()
    with lasting():  # as late: what others are forked from imports the same meanwhile
        from anonymizer.commands.masked import carry_out
    carry_out(settings, source, target, **chosen)
