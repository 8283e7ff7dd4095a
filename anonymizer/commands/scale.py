"""`anonymizer scale`."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anonymizer import sidecar
from anonymizer.commands import given, options
from anonymizer.container import PIPE
from anonymizer.errors import SecretError
from anonymizer.key import Key
from anonymizer.record import is_file
from anonymizer.scale.run import Outcome, Request, scale
from anonymizer.scale.scaler import MOST
from anonymizer.scale.wanted import Wanted, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.settings import Settings


@click.command("scale")
@click.argument("source")
@click.argument("target", required=False)
@click.option(
    "--factor", type=float, required=True, metavar="F", help=f"0.1, 2.5 or 10; up to {MOST}."
)
@click.option("--root", "roots", metavar="TABLE", multiple=True, help="Rows are drawn from here.")
@click.option("--whole", metavar="TABLE", multiple=True, help="All rows stay, once.")
@click.option("--small", metavar="N", type=int, help="Tables of up to N rows are whole.")
@click.option(
    "--cut", metavar="T.COLUMN", multiple=True, help="NULL where a row went that is referred to."
)
@click.option(
    "--follow", metavar="T.COLUMN", multiple=True, help="Go with the row that is referred to."
)
@click.option(
    "--rule", "rules", metavar="T.COLUMN=RULE", multiple=True, help="How a key differs in copies."
)
@options.decisions
@click.option(
    "--secret",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the secret: the same rows stay, of every dump.",
)
@click.option("--secret-fd", metavar="N", type=int, help="Descriptor to read the secret from.")
@click.option("--seed", metavar="N", type=int, help="A number that anybody may know, instead.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.option("--dry-run", is_flag=True, help="Do all of it and write nothing.")
@click.option("--no-manifest", is_flag=True, help="Write no OUTPUT.scaled.json.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
@click.pass_obj
def command(settings: Settings, /, source: str, target: str | None, **chosen: Any) -> None:
    """Make SOURCE smaller or larger: TARGET has --factor times its rows, and the same shape.

    Read are dumps of pg_dump (plain, -Fc, -Fd), mysqldump and mariadb-dump, SQLite's files and
    its .dump; gzip, zstd and lz4 around them. The output is of the same kind. Keys, references
    and how many rows refer to one stay as they are. Nothing is masked: that is `mask`.
    """
    if (target is None) != chosen["dry_run"]:
        raise click.UsageError("give a TARGET, or --dry-run and none")
    key = _key(settings, chosen)
    wanted = Wanted(
        factor=chosen["factor"],
        roots=chosen["roots"],
        whole=chosen["whole"],
        cut=chosen["cut"],
        follow=chosen["follow"],
        rules=dict(map(rule_of, chosen["rules"])),
        small=chosen["small"],
    )
    said = given.said_if_any(settings, chosen["models"], chosen["policy"])
    notes: list[str] = []
    request = Request(
        source=source,
        target=target,
        wanted=wanted,
        key=key,
        known=said.tables,
        force=chosen["force"],
        keep=said.keep,
        note=notes.append,
    )
    started, begun = datetime.now(UTC), time.monotonic()
    outcome = scale(request)
    seconds = time.monotonic() - begun
    if target is not None and not chosen["no_manifest"] and is_file(target):
        _record(request, outcome, started, tuple(notes))
    for each in notes:
        click.echo(f"note: {each}", err=True)
    if chosen["as_json"]:
        click.echo(json.dumps(_as_json(outcome, seconds)), err=target == PIPE)
    else:
        click.echo("\n".join(_lines(outcome, seconds)), err=True)


def _key(settings: Settings, chosen: dict[str, Any]) -> Key:
    """Return the key: the secret's, or one that a seed gives.

    Raises SecretError unless just one of them is given.
    """
    path, descriptor, seed = chosen["secret"], chosen["secret_fd"], chosen["seed"]
    if seed is not None:
        if path is not None or descriptor is not None:
            raise SecretError("a secret and --seed are given", hint="give one of them")
        return Key(hashlib.sha256(b"anonymizer scale %d" % seed).digest())
    if path is None and descriptor is None and settings.secret is None:
        raise SecretError(
            "neither a secret nor a seed is given",
            hint="give --secret FILE; or --seed 1, when anybody may know which rows stayed",
        )
    return given.key(settings, path, descriptor, one_way=False)


def _lines(outcome: Outcome, seconds: float) -> Iterator[str]:
    """Yield what was done, for people."""
    for table, before in sorted(outcome.before.items()):
        what = outcome.role(table)
        yield f"{table}: {before:,} -> {outcome.after[table]:,} rows" + (
            f", {what}" if what else ""
        )
    for column, rule in sorted(outcome.keys.items()):
        if rule != "shift":
            yield f"{column}: other values in each copy ({rule})"
    before, after = sum(outcome.before.values()), sum(outcome.after.values())
    yield f"{before:,} -> {after:,} rows in {seconds:.1f} s"


def _as_json(outcome: Outcome, seconds: float) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 3),
        "keys": outcome.keys,
        "tables": {
            str(table): {
                "before": before,
                "after": outcome.after[table],
                "role": outcome.role(table),
            }
            for table, before in outcome.before.items()
        },
    }


def _record(request: Request, outcome: Outcome, started: datetime, notes: tuple[str, ...]) -> None:
    """Write the manifest beside what was written."""
    assert request.target is not None  # noqa: S101 - there is nothing beside nothing
    output = Path(request.target)
    made = sidecar.Sidecar(
        key=request.key.id,
        policy=outcome.digest,
        input=sidecar.measure(Path(request.source)) if is_file(request.source) else None,
        output=sidecar.measure(output),
        started=started,
        ended=datetime.now(UTC),
        tables={str(table): sidecar.TableCount(rows=rows) for table, rows in outcome.after.items()},
        dropped=notes,
        scale=request.wanted.factor,
    )
    sidecar.write(made, output, sidecar.SCALED)
