"""`anonymizer mask`."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anonymizer.commands import options
from anonymizer.container import PIPE
from anonymizer.engine import Engine
from anonymizer.masking import Request, mask
from anonymizer.passed import summary
from anonymizer.plan.held import absent, hide, hold
from anonymizer.processes import prepare
from anonymizer.record import Run, is_file, write
from anonymizer.target import refuse_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.plan import Plan
    from anonymizer.schema import Schema
    from anonymizer.settings import Settings
    from anonymizer.stream import Tally

MB = 1_000_000
SHOWN = 5
"""Names of tables that are not in the data."""


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
    said = options.said(settings, chosen["models"], chosen["policy"])
    one_way = chosen["one_way"]
    key = options.key(settings, chosen["secret"], chosen["secret_fd"], one_way=one_way)
    refuse_target(source, target, force=chosen["force"])
    plan = said.plan(source, chosen["schema"])
    dropped: list[str] = []
    passed = [f"{what} are kept: {why}" for what, why in said.reasons.items()]
    request = Request(
        source=source,
        target=target,
        engine=Engine(plan=plan.found, key=key),
        jobs=chosen["jobs"],
        force=chosen["force"],
        keep=said.keep,
        note=dropped.append,
        learned=lambda schema: passed.extend(_look(plan, schema)),
    )
    started, begun = datetime.now(UTC), time.monotonic()
    tally = mask(request)
    seconds = time.monotonic() - begun
    if target is not None and not chosen["no_manifest"] and is_file(target):
        run = Run(plan=plan, started=started, dropped=tuple(dropped), one_way=one_way)
        write(request, tally, replace(run, passed=tuple(passed)))
    for each in [*dropped, *passed]:
        click.echo(f"note: {each}", err=True)
    if chosen["as_json"]:
        click.echo(json.dumps(_as_json(tally, seconds)), err=target == PIPE)
    else:
        click.echo("\n".join(_lines(tally, seconds)), err=True)


def _look(plan: Plan, schema: Schema) -> Iterator[str]:
    """Yield what people should know of the data; raise PolicyError for a key that would break."""
    from anonymizer.check.texts import looked_at  # needed late: all rules come with it

    hold(plan, schema.references)
    hide(plan, schema)
    if left := absent(plan, schema):
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        yield f"decided on and not in the data: {', '.join(map(str, left[:SHOWN]))}{more}"
    if said := summary(schema.passed):
        yield said
    yield from (str(each) for each in looked_at(schema))


def _lines(tally: Tally, seconds: float) -> Iterator[str]:
    """Yield what was done, for people."""
    for table, counts in sorted(tally.columns.items(), key=lambda each: str(each[0])):
        for name, count in counts.items():
            yield f"{table}.{name}: {count.values:,} values masked, {count.nulls:,} NULL"
    speed = tally.read / MB / max(seconds, 1e-9)
    yield f"{tally.read / MB:,.1f} MB in {seconds:.1f} s, {speed:,.0f} MB/s"


def _as_json(tally: Tally, seconds: float) -> dict[str, Any]:
    return {
        "read": tally.read,
        "written": tally.written,
        "seconds": round(seconds, 3),
        "tables": {
            str(table): {
                name: {"masked": each.values, "null": each.nulls} for name, each in counts.items()
            }
            for table, counts in tally.columns.items()
        },
    }
