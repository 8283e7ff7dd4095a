"""`anonymizer diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from anonymizer.commands import given, options
from anonymizer.container import container
from anonymizer.difference import ROWS, differences, show

if TYPE_CHECKING:
    from anonymizer.settings import Settings


@click.command("diff")
@click.argument("original")
@click.argument("output")
@options.decisions
@options.schema_of
@click.option("--table", "tables", metavar="NAME", multiple=True, help="Only this table.")
@click.option("--column", "columns", metavar="NAME", multiple=True, help="Only this column.")
@click.option(
    "--rows", type=click.IntRange(min=1), default=ROWS, show_default=True, help="Of each table."
)
@click.option("--force", is_flag=True, help="Write real values to what is no terminal.")
@click.pass_obj
def command(settings: Settings, /, *, original: str, output: str, **chosen: Any) -> None:
    """Show some rows before and after, on a terminal, to who may see them."""
    from rich.console import Console

    said = given.said(settings, chosen["models"], chosen["policy"])
    plan = said.plan(original, chosen["schema"])
    before, after = container(original, said.keep), container(output, said.keep)
    if after.by_key and plan.masked_keys:
        names = ", ".join(map(str, plan.masked_keys))
        click.echo(
            f"note: rows lie by a masked key, so others stand side by side: {names}", err=True
        )
    found = differences(
        before.parts(plan),
        after.parts(plan),
        plan,
        tables=chosen["tables"],
        columns=chosen["columns"],
        rows=chosen["rows"],
    )
    show(found, Console(), force=chosen["force"])
