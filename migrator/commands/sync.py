"""`migrator sync`."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

# The tables that online-migrate and services keep are created with the history.
from migrator import checkpoint, services  # noqa: F401
from migrator.apply import ATTEMPTS, LOCK_TIMEOUT_SECONDS, Options, look, sync, write_script
from migrator.database import is_missing, open_engine
from migrator.errors import MigratorError
from migrator.interrupt import interruptible
from migrator.manifest import Manifest
from migrator.report import sync as report
from migrator.report.error import error_as_json
from migrator.stopwatch import timed

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from migrator.apply import Event
    from migrator.config import Settings
    from migrator.stopwatch import Statement

INTERRUPTED = {"ran": True, "missing": False}


@click.command("sync")
@click.option("--version", "target", metavar="N|RELEASE", help="Go no further than this.")
@click.option("--expand-only", is_flag=True, help="Leave contracts pending.")
@click.option("--dry-run", is_flag=True, help="Show the plan and its SQL; change nothing.")
@click.option("--sql", is_flag=True, help="Write a script for the database's own client.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--statements", is_flag=True, help="With --json: each statement and its time.")
@click.option(
    "--accept-edited",
    "accepted",
    metavar="N",
    type=int,
    multiple=True,
    help="Take the files of applied migration N as they are now.",
)
@click.option(
    "--interrupted",
    type=click.Choice(list(INTERRUPTED)),
    help="What became of the statement that a killed run had sent.",
)
@click.option("--override-guard", "override", metavar="REASON", help="Drop in spite of blockers.")
@click.option(
    "--lock-timeout",
    metavar="SECONDS",
    type=float,
    default=LOCK_TIMEOUT_SECONDS,
    show_default=True,
    help="How long a statement waits for its locks.",
)
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    default=ATTEMPTS,
    show_default=True,
    help="How often a statement that got no lock is sent.",
)
@click.pass_obj
def command(  # noqa: PLR0913 - each is an option
    settings: Settings,
    /,
    *,
    dry_run: bool,
    sql: bool,
    as_json: bool,
    statements: bool,
    interrupted: str | None,
    **chosen: Any,
) -> None:
    """Apply the migrations that are pending, in order.

    One runner at a time; each statement waits for its locks for a short while and is tried
    again. What fails leaves a state from which the next sync goes on.
    """
    if sql and (dry_run or as_json):
        raise click.UsageError("--sql goes with neither --dry-run nor --json")
    if statements and (dry_run or not as_json):
        raise click.UsageError("--statements goes with --json, and not with --dry-run")
    manifest = Manifest.load(settings.manifest)
    options = Options(interrupted=INTERRUPTED.get(interrupted or ""), **chosen)
    url = settings.database_url()
    if sql:
        _print(write_script(_engine_to_look(url), manifest, options))
    elif dry_run:
        prepared = look(_engine_to_look(url), manifest, options)
        _print(
            [json.dumps(report.plan_as_json(prepared))]
            if as_json
            else report.plan_lines(prepared, url)
        )
    else:
        _sync(open_engine(url), manifest, options, as_json=as_json, statements=statements)


def _sync(
    engine: Engine, manifest: Manifest, options: Options, *, as_json: bool, statements: bool
) -> None:
    progress = report.Progress()

    def tell(event: Event | Statement) -> None:
        click.echo(json.dumps(report.event_as_json(event) | {"at": time.monotonic()}))

    def show(event: Event) -> None:
        click.echo(progress.text(event), nl=False)

    try:
        with interruptible(engine), timed(engine, tell) if statements else nullcontext():
            outcome = sync(engine, manifest, options, on_event=tell if as_json else show)
    except MigratorError as error:
        if as_json:
            _print([json.dumps(error_as_json(error))])
        raise
    finally:
        click.echo(progress.close(), nl=False)
    _print(
        [json.dumps(report.outcome_as_json(outcome, manifest))]
        if as_json
        else report.outcome_lines(outcome, manifest)
    )


def _engine_to_look(url: str) -> Engine:
    """Return an engine that changes nothing; for a file that sync would make, an empty one."""
    return open_engine("sqlite://" if is_missing(url) else url, writes=False)


def _print(lines: Any) -> None:
    for line in lines:
        click.echo(line)
