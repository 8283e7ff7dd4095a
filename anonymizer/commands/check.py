"""`anonymizer check`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from anonymizer.check import check
from anonymizer.commands import given, options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.finding import Finding
    from anonymizer.settings import Settings


@click.command("check")
@options.decisions
@click.option("--database", metavar="URL", help="Compare with the tables of a database.")
@click.option("--dump", metavar="PATH", help="Compare with the tables of a dump.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a finding.")
@click.pass_obj
def command(settings: Settings, /, *, as_json: bool, **chosen: Any) -> int:
    """Look whether every column has a decision that can be carried out.

    Exits with 1 when one has none, when the data has tables or columns that nobody decided on,
    when a mask cannot serve a column, or does not keep a key unique. Prints the lines to paste.
    """
    said = given.said(settings, chosen["models"], chosen["policy"])
    schema = given.schema(chosen["database"], chosen["dump"], said.keep)
    found = check(said.models, said.decisions, schema=schema)
    lines = (json.dumps(each.as_json()) for each in found) if as_json else _lines(found)
    for line in lines:
        click.echo(line)
    return int(any(each.severity == "error" for each in found))


def _lines(found: list[Finding]) -> Iterator[str]:
    for each in found:
        yield f"{each.severity}: {each}"
        for line in (each.paste or "").splitlines():
            yield f"    {line}"
    errors = sum(each.severity == "error" for each in found)
    yield f"{errors} to mend, {len(found) - errors} to think of"
