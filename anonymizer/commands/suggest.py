"""`anonymizer suggest`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from anonymizer.commands import options
from anonymizer.live import read_url
from anonymizer.models import Models
from anonymizer.plan import outline
from anonymizer.policy.decisions import Decisions, TableDecisions
from anonymizer.suggest import suggest
from anonymizer.suggest.render import lines
from anonymizer.suggest.sample import read_samples

if TYPE_CHECKING:
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
    schema = options.schema(chosen["database"], chosen["dump"])
    places = (chosen["models"], chosen["policy"], settings.models, settings.policy)
    source, decisions = Models.of(sa.MetaData()), Decisions()
    if any(places) or schema is None:
        said = options.said(settings, chosen["models"], chosen["policy"])
        source, decisions = said.models, said.decisions
    if schema is not None:
        decisions = _with_tables(decisions, source, schema)
    samples = None
    if chosen["database"] is not None and schema is not None:
        samples = _samples(chosen["database"], schema)
    made = outline(source, decisions, schema=schema)
    for line in lines(suggest(made, samples, every=every), toml=toml):
        click.echo(line)


def _with_tables(decisions: Decisions, source: Models, schema: Schema) -> Decisions:
    """Return *decisions* with each table of *schema* that nobody speaks of, and none on it."""
    plan = outline(source, decisions, schema=schema).plan
    new = {
        each: TableDecisions(place=str(each)) for each in schema.tables if plan.find(each) is None
    }
    return replace(decisions, tables={**decisions.tables, **new})


def _samples(database: str, schema: Schema) -> Samples:
    engine = sa.create_engine(read_url(database), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return read_samples(connection, schema)
