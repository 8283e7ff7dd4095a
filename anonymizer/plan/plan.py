"""Plan: one decision for every column of every table, and what each domain is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from anonymizer.column import Tables
from anonymizer.errors import PolicyError
from anonymizer.finding import Finding, in_order
from anonymizer.markup import KEEP
from anonymizer.models import Models
from anonymizer.plan.build import Builder
from anonymizer.plan.decide import Decider
from anonymizer.plan.gather import Gatherer
from anonymizer.plan.links import Spot, normal
from anonymizer.policy.decisions import Decisions

if TYPE_CHECKING:
    from anonymizer.column import TableName
    from anonymizer.plan.draft import DraftTable
    from anonymizer.schema import Schema

VERSION = 1
"""Of what the digest is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Tables):
    """Every table, each with all its columns and what becomes of them."""

    @property
    def found(self) -> Tables:
        """The tables alone, without what makes and checks a plan."""
        return Tables(tables=self.tables, default_schema=self.default_schema)

    def with_partitions(self, partitions: Mapping[TableName, TableName]) -> Plan:
        """Return the plan with parts of its tables: a part → the table, or part, it belongs to."""
        added = []
        for part in partitions:
            whole, seen = part, {part}
            while whole in partitions and partitions[whole] not in seen:
                whole = partitions[whole]
                seen.add(whole)
            table = self.find(whole)
            if table is not None and self.find(part) is None:
                added.append(replace(table, name=part))
        return replace(self, tables=(*self.tables, *added), _found={})

    @property
    def masked_keys(self) -> tuple[TableName, ...]:
        """The tables whose primary key, or a part of it, is masked."""
        return tuple(
            table.name
            for table in self.tables
            for key in table.keys[:1]
            if any(each.name in key and each.decision.mask != KEEP for each in table.columns)
        )

    @property
    def digest(self) -> str:
        """SHA-256 of everything that is decided, in hexadecimal: the same in every process."""
        tables = sorted((_plain(each) for each in self.tables), key=_named)
        for table in tables:
            table["columns"].sort(key=_named)
        content = {"version": VERSION, "tables": tables}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """A plan as far as it can be made, with all that is in the way."""

    plan: Plan
    drafts: tuple[DraftTable, ...]
    decider: Decider
    findings: tuple[Finding, ...]

    def root(self, spot: Spot) -> str:
        """Return the name of the column where the values of *spot* come from."""
        root = self.decider.links.root(spot)
        return str(Spot(normal(root.table, self.plan.default_schema), root.column))


def make_plan(
    source: Models | sa.MetaData,
    decisions: Decisions | None = None,
    *,
    schema: Schema | None = None,
    dialect: str | None = None,
    default_schema: str | None = None,
) -> Plan:
    """Return the plan for the tables of *source* and those that *decisions* lists.

    *schema*, what was found in the data, says the types of tables without models and which
    tables are parts of others; *dialect*, as "postgresql", which variant of a type counts.
    Raises PolicyError with every problem.
    """
    made = outline(source, decisions, schema=schema, dialect=dialect, default_schema=default_schema)
    problems = [str(each) for each in made.findings if each.severity == "error"]
    if problems:
        count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
        raise PolicyError(
            f"the decisions have {count}: {problems[0]}",
            problems=problems,
            hint="run anonymizer check: it prints the lines to paste",
        )
    return made.plan


def outline(
    source: Models | sa.MetaData,
    decisions: Decisions | None = None,
    *,
    schema: Schema | None = None,
    dialect: str | None = None,
    default_schema: str | None = None,
) -> Outline:
    """Return the plan as far as it goes, and every problem: what `make_plan` raises for."""
    models = source if isinstance(source, Models) else Models.of(source)
    default = default_schema or (schema.default if schema is not None else None)
    gathered = Gatherer(
        models=models,
        decisions=decisions or Decisions(),
        schema=schema,
        dialect=_dialect(dialect),
        default_schema=default,
    ).gather()
    decider = Decider.of(gathered.tables, default)
    builder = Builder(decider=decider, default_schema=default)
    tables = tuple(builder.table(each) for each in gathered.tables)
    plan = Plan(tables=builder.fitted(tables), default_schema=default)
    found = [*gathered.findings, *decider.findings(), *builder.disagreements(plan.tables)]
    if schema is not None:
        plan = plan.with_partitions(schema.partitions)
    return Outline(
        plan=plan, drafts=gathered.tables, decider=decider, findings=tuple(in_order(found))
    )


def _dialect(name: str | None) -> sa.Dialect | None:
    return None if name is None else sa.make_url(f"{name}://").get_dialect()()


def _named(value: Mapping[str, Any]) -> str:
    return json.dumps(value["name"])


def _plain(value: Any) -> Any:
    """Return *value* as JSON can write it, alike in every process."""
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_plain(each)) for each in value)
    is_plain = value is None or isinstance(value, bool | int | float | str)
    return value if is_plain else _described(value)


def _described(value: object) -> str:
    """Return how to write a value that JSON does not know."""
    if isinstance(value, Enum):
        return value.name
    text = f"{type(value).__qualname__} {value!r}"
    if f"{id(value):x}" in text:  # Another process would have it somewhere else.
        raise PolicyError(
            f"an option is a {type(value).__qualname__}, which cannot be written down",
            hint="give masks options of text, numbers and tuples of them",
        )
    return text
