"""What is given by options that several commands have: the decisions, and the secret."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa

from anonymizer import models, policy
from anonymizer.container import Pipe, TextFile, container
from anonymizer.errors import PolicyError, SecretError, ToolError, UnreadableError
from anonymizer.key import Key
from anonymizer.models import Models
from anonymizer.plan import make_plan, outline
from anonymizer.policy.decisions import Decisions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.column import Table
    from anonymizer.plan import Plan
    from anonymizer.schema import Schema
    from anonymizer.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The decisions: of models, and of a file."""

    models: Models
    decisions: Decisions
    kept: Mapping[str, str] = field(default_factory=dict)
    """What the settings keep, and why; what the policy says goes before."""

    @property
    def reasons(self) -> dict[str, str]:
        """What passes although it holds data and is no column, and why."""
        return {**self.kept, **self.decisions.keep}

    @property
    def keep(self) -> frozenset[str]:
        """What passes although it holds data and is no column."""
        return frozenset(self.reasons)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that models and policy know, decided on or not."""
        return outline(self.models, self.decisions).plan.tables

    def plan(self, place: str, schema: str | None = None) -> Plan:
        """Return the plan for the data at *place*; raise PolicyError with all that is wrong.

        Types, keys and references are looked up in *schema*, another place, or in the data. A
        text is read once more for that, so only where tables have no models: which keys it
        has is seen when it is masked as well.
        """
        return make_plan(self.models, self.decisions, schema=self._look(place, schema))

    def _look(self, place: str, schema: str | None) -> Schema | None:
        if schema is not None:
            return container(schema, self.keep).schema()
        found = container(place, self.keep)
        if isinstance(found, Pipe):
            self._refuse_untyped()
        elif self.decisions.tables:
            return found.schema()
        elif not isinstance(found, TextFile):
            # The programs of a database need no driver; what they dump says its keys as well.
            with suppress(ToolError):
                return found.schema()
        return None

    def _refuse_untyped(self) -> None:
        """Raise PolicyError for a column whose type only the data says, which comes once."""
        mapped = {each.name for each in self.models.tables}
        for table, listed in self.decisions.tables.items():
            untyped = [each for each in listed.columns if each not in listed.types]
            if untyped and table.name not in mapped:
                raise PolicyError(
                    f"the type of {table}.{untyped[0]} is not known: what comes through a pipe is"
                    " read only once",
                    hint="give --schema PATH, as of pg_dump -s; or mask a file; or say all types"
                    f' in the policy: [tables."{table}".types]',
                )


def said(settings: Settings, places: tuple[str, ...], path: Path | None) -> Said:
    """Return the decisions at *places* and *path*, or where the settings say.

    Raises PolicyError when neither says anything.
    """
    places, path = places or settings.models, path or settings.policy
    if not places and path is None:
        raise UnreadableError(
            "no decisions are given",
            hint='give --models app.models, or [tool.anonymizer] models = ["app.models"]',
        )
    found = models.load(*places, root=settings.root) if places else Models.of(sa.MetaData())
    decided = Decisions() if path is None else policy.read(path)
    return Said(models=found, decisions=decided, kept=settings.keep)


def said_if_any(settings: Settings, places: tuple[str, ...], path: Path | None) -> Said:
    """Return the decisions as `said` does, and none where there are neither models nor a policy."""
    if places or path or settings.models or settings.policy:
        return said(settings, places, path)
    return Said(models=Models.of(sa.MetaData()), decisions=Decisions(), kept=settings.keep)


def schema(database: str | None, dump: str | None, keep: frozenset[str]) -> Schema | None:
    """Return the tables of the database or of the dump; None when neither is given."""
    if database is not None and dump is not None:
        raise click.UsageError("give --database or --dump, not both")
    place = database or dump
    return None if place is None else container(place, keep).schema()


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
