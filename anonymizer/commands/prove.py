"""`anonymizer prove`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from anonymizer.commands import given, options
from anonymizer.container import SQLiteFile, container
from anonymizer.memory import keep_memory
from anonymizer.proof import Problem, prove
from anonymizer.proof.report import lines
from anonymizer.reading import free_pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.container import Container
    from anonymizer.settings import Settings


@click.command("prove")
@click.argument("original")
@click.argument("output")
@options.decisions
@options.schema_of
@click.option(
    "--accept",
    "accepted",
    metavar="PLACE",
    multiple=True,
    help="A table.column, or a place of the report, that somebody has looked at.",
)
@click.option("--scaled", is_flag=True, help="The output has fewer or more rows.")
@click.option("--show", is_flag=True, help="Say where: row, or line and byte; never a value.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(settings: Settings, /, *, original: str, output: str, **chosen: Any) -> int:
    """Look for every masked value of ORIGINAL anywhere in OUTPUT.

    Exits with 0 when there is none, 3 when one survived, 1 when something could not be looked
    at and nobody accepted that.
    """
    keep_memory()
    said = given.said(settings, chosen["models"], chosen["policy"])
    plan = said.plan(original, chosen["schema"])
    before, after = container(original, said.keep), container(output, said.keep)
    proof = prove(
        before.parts(plan),
        after.parts(plan),
        plan,
        accept=chosen["accepted"],
        scaled=chosen["scaled"],
        reordered=plan.masked_keys if after.by_key else (),
        problems=tuple(_problems(after)),
    )
    if chosen["as_json"]:
        click.echo(json.dumps(proof.as_json()))
    else:
        click.echo("\n".join(lines(proof, show=chosen["show"])))
    return proof.exit_code


def _problems(output: Container) -> Iterator[Problem]:
    if isinstance(output, SQLiteFile) and (count := free_pages(output.path)):
        yield Problem(place="the file", what=f"{count} free pages may hold what was deleted")
