"""`migrator online-migrate`."""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from migrator import history
from migrator.database import open_engine, read_only
from migrator.errors import OnlineError
from migrator.interrupt import interruptible
from migrator.manifest import Manifest
from migrator.migration import load_all
from migrator.online import Options, migrate
from migrator.plan import transitions_due
from migrator.report import online as report
from migrator.stopwatch import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from migrator.config import Settings
    from migrator.migration import Migration
    from migrator.online import Event, Outcome
    from migrator.stopwatch import Statement
    from migrator.transitions import Transition

MORE, FAILED, CANNOT, BAD_COUNT = 1, 2, 3, 127
"""Exit codes, those of nova-manage and one more; they are API."""


@click.command("online-migrate")
@click.option("--max-count", metavar="N", help="Move N rows at the most; until done otherwise.")
@click.option("--batch-size", metavar="N", help="Rows of a batch; by the time it takes otherwise.")
@click.option("--only", "names", metavar="NAME", multiple=True, help="This transition only.")
@click.option("--retry-failed", is_flag=True, help="Try the rows in quarantine again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--statements", is_flag=True, help="With --json: each statement and its time.")
@click.pass_obj
def command(  # noqa: PLR0913 - each is an option
    settings: Settings,
    *,
    max_count: str | None,
    batch_size: str | None,
    names: tuple[str, ...],
    retry_failed: bool,
    as_json: bool,
    statements: bool,
) -> int:
    """Move data in batches, beside the running application.

    May be interrupted, run again and run twice at once: nothing is lost or moved twice.
    Exits with 0 when all is done, 1 when more remains, 2 when rows failed, 3 when what
    remains cannot be moved now, 127 when a count is not one.
    """
    if statements and not as_json:
        raise click.UsageError("--statements goes with --json")
    counts = [_count(text) for text in (max_count, batch_size)]
    if 0 in counts:
        click.echo("error: --max-count and --batch-size take a whole number from 1 on", err=True)
        return BAD_COUNT
    url = settings.database_url()
    transitions = _chosen(Manifest.load(settings.manifest), url, names)
    watched = sys.stderr.isatty() and sys.stdout.isatty() and not as_json
    options = Options(
        max_count=counts[0],
        batch_size=counts[1],
        retry_failed=retry_failed,
        count_first=watched,
        keep_going=True,
    )
    engine = open_engine(url)
    timing = timed(engine, _tell) if statements else nullcontext()
    with report.watching(watched) as watch, interruptible(engine), timing:
        outcomes = migrate(
            engine, transitions, options, on_event=_tell if as_json else _show(watch)
        )
    code = _code(outcomes, limited=max_count is not None)
    _print(
        [json.dumps(report.summary_as_json(outcomes, code))]
        if as_json
        else report.summary_lines(outcomes)
    )
    return code


def _count(text: str | None) -> int | None:
    """Return the number that *text* is, 0 when it is not a number of rows."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdecimal() else 0


def _chosen(manifest: Manifest, url: str, names: Sequence[str]) -> tuple[Transition, ...]:
    """Return the transitions that are due in the database, or the *names* among them."""
    migrations = load_all(manifest)
    with read_only(url) as connection:
        due = [each for _migration, each in transitions_due(migrations, history.read(connection))]
    known = {each.name: each for each in due}
    for name in names:
        if name not in known:
            raise _unknown(name, migrations, known)
    return tuple(due) if not names else tuple(known[name] for name in dict.fromkeys(names))


def _unknown(name: str, migrations: Iterable[Migration], known: Iterable[str]) -> OnlineError:
    for migration in migrations:
        if any(each.name == name for each in migration.transitions):
            return OnlineError(
                f"{name} cannot be moved: migration {migration.number} {migration.name} is not "
                "applied, or a contract has completed it",
                hint="migrator status",
            )
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return OnlineError(
        f"no transition is called {name!r}, expected one of: {', '.join(names) or 'none is due'}",
        hint=f"did you mean {near[0]}?" if near else None,
    )


def _tell(event: Event | Statement) -> None:
    _print([json.dumps(report.event_as_json(event) | {"at": time.monotonic()})])


def _show(watch: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return what shows the events to people, as they come."""

    def show(event: Event) -> None:
        watch(event)
        _print(report.event_lines(event))

    return show


def _code(outcomes: Sequence[Outcome], *, limited: bool) -> int:
    """Return the exit code: what is worth another run comes first."""
    more = any(each.movable for each in outcomes)
    reasons = (
        (FAILED, any(each.error is not None for each in outcomes)),
        (MORE, limited and more),
        (FAILED, any(each.failed for each in outcomes)),
        (MORE, more),
        (CANNOT, any(each.skipped for each in outcomes)),
    )
    return next((code for code, true in reasons if true), 0)


def _print(lines: Iterable[str]) -> None:
    """Print *lines* at once, above the progress bar: click's echo would go past it."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
