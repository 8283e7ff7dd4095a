"""What `anonymizer mask` does when its options are read."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from anonymizer.commands import given
from anonymizer.container import PIPE
from anonymizer.engine import Engine
from anonymizer.masking import Request, mask
from anonymizer.passed import summary
from anonymizer.plan.held import absent, hide, hold
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


def carry_out(settings: Settings, source: str, target: str | None, **chosen: Any) -> None:
    """Mask *source* into *target* as the options say that are *chosen*, and print what was done."""
    said = given.said(settings, chosen["models"], chosen["policy"])
    one_way = chosen["one_way"]
    key = given.key(settings, chosen["secret"], chosen["secret_fd"], one_way=one_way)
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
