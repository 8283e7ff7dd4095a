"""Options that several commands have: where the decisions are, and where the secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import sqlalchemy as sa

from anonymizer import models, policy
from anonymizer.container import PIPE, container
from anonymizer.errors import PolicyError, SecretError
from anonymizer.key import Key
from anonymizer.models import Models
from anonymizer.plan import make_plan, outline
from anonymizer.policy.decisions import Decisions

if TYPE_CHECKING:
    from collections.abc import Callable

    from anonymizer.column import Table
    from anonymizer.plan import Plan
    from anonymizer.schema import Schema
    from anonymizer.settings import Settings

Command = TypeVar("Command", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The decisions: of models, and of a file."""

    models: Models
    decisions: Decisions

    def plan(self, place: str) -> Plan:
        """Return the plan for the data at *place*; raise PolicyError with all that is wrong.

        Tables without models are looked up in the data: their types, keys and references.
        """
        looks = self.decisions.tables and place != PIPE
        schema = container(place).schema() if looks else None
        return make_plan(self.models, self.decisions, schema=schema)


def decisions(command: Command) -> Command:
    """Give *command* the options --models and --policy."""
    command = click.option(
        "--policy",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="TOML or Python: decisions on tables that have no models.",
    )(command)
    return click.option(
        "--models", metavar="MODULE", multiple=True, help="app.models, or app.models:Base."
    )(command)


def said(settings: Settings, places: tuple[str, ...], path: Path | None) -> Said:
    """Return the decisions at *places* and *path*, or where the settings say.

    Raises PolicyError when neither says anything.
    """
    places, path = places or settings.models, path or settings.policy
    if not places and path is None:
        raise PolicyError(
            "no decisions are given",
            hint='give --models app.models, or [tool.anonymizer] models = ["app.models"]',
        )
    found = models.load(*places, root=settings.root) if places else Models.of(sa.MetaData())
    return Said(models=found, decisions=Decisions() if path is None else policy.read(path))


def tables(settings: Settings, places: tuple[str, ...], path: Path | None) -> tuple[Table, ...]:
    """Return the tables that models and a policy know, if there are any, decided on or not."""
    if not (places or path or settings.models or settings.policy):
        return ()
    found = said(settings, places, path)
    return outline(found.models, found.decisions).plan.tables


def schema(database: str | None, dump: str | None) -> Schema | None:
    """Return the tables of the database or of the dump; None when neither is given."""
    if database is not None and dump is not None:
        raise click.UsageError("give --database or --dump, not both")
    place = database or dump
    return None if place is None else container(place).schema()


def key(settings: Settings, path: Path | None, descriptor: int | None, *, one_way: bool) -> Key:
    """Return the key: of a file, a descriptor, or made for this run alone.

    Raises SecretError unless just one of them is given.
    """
    given = [each for each in (path, descriptor, one_way or None) if each is not None]
    if len(given) > 1:
        raise SecretError("more than one of --secret, --secret-fd and --one-way is given")
    if one_way:
        return Key.random()
    if descriptor is not None:
        return Key.read_descriptor(descriptor)
    if path is None and settings.secret is None:
        raise SecretError(
            "no secret is given",
            hint="make one with `anonymizer key FILE` and give --secret FILE; or mask with "
            "--one-way, by a key that nobody has",
        )
    return Key.read(path or settings.secret or Path())
