"""`anonymizer suggest`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from anonymizer.commands import given, options
from anonymizer.live import read_url
from anonymizer.models import Models
from anonymizer.passed import KEEPABLE
from anonymizer.plan import outline
from anonymizer.policy.decisions import Decisions, TableDecisions
from anonymizer.suggest import suggest
from anonymizer.suggest.render import header, lines
from anonymizer.suggest.sample import read_samples

if TYPE_CHECKING:
    from anonymizer.column import TableName
    from anonymizer.schema import Schema
    from anonymizer.settings import Settings
    from anonymizer.suggest import Samples


@click.command("suggest")
@options.decisions
@click.option("--database", metavar="URL", help="Look at some values of a database as well.")
@click.option("--dump", metavar="PATH", help="Look at the tables of a dump as well.")
@click.option("--toml", is_flag=True, help="Write lines of a TOML file for all tables.")
@click.option("--all", "every", is_flag=True, help="Also for columns that have a decision.")
@click.pass_obj
def command(settings: Settings, /, *, toml: bool, every: bool, **chosen: Any) -> None:
    """Propose a decision for each column that has none, with reasons; no value is shown.

    Names and types are looked at, and with --database the first values of each column.
    """
    # What holds data and is no column is not proposed on, and is no reason to stop here.
    keep = frozenset(KEEPABLE)
    schema = given.schema(chosen["database"], chosen["dump"], keep)
    places = (chosen["models"], chosen["policy"], settings.models, settings.policy)
    source, decisions = Models.of(sa.MetaData()), Decisions()
    if any(places) or schema is None:
        said = given.said(settings, chosen["models"], chosen["policy"])
        source, decisions = said.models, said.decisions
    new: list[TableName] = []
    if schema is not None:
        plan = outline(source, decisions, schema=schema).plan
        new = [each for each in schema.tables if plan.find(each) is None]
        added = {each: TableDecisions(place=str(each)) for each in new}
        decisions = replace(decisions, tables={**decisions.tables, **added})
    samples = None
    if chosen["database"] is not None and schema is not None:
        samples = _samples(chosen["database"], schema)
    made = outline(source, decisions, schema=schema)
    proposals = suggest(made, samples, every=every)
    for line in lines(proposals, toml=toml):
        click.echo(line)
    done = {each.table for each in proposals}
    for table in (each for each in new if each not in done):
        click.echo(f"{header(table)}\n# each column follows what it refers to\n")


def _samples(database: str, schema: Schema) -> Samples:
    engine = sa.create_engine(read_url(database), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return read_samples(connection, schema)
