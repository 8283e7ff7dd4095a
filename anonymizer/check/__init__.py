"""Check: every rule over decisions, models and data, one list of findings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from anonymizer.check import breaks, data, leaks, masks, texts, unique
from anonymizer.check.context import Context
from anonymizer.finding import Finding, in_order
from anonymizer.plan import Plan, outline
from anonymizer.suggest import suggest
from anonymizer.suggest.render import in_model, toml_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

    from anonymizer.column import TableName
    from anonymizer.models import Models
    from anonymizer.plan import Outline
    from anonymizer.policy.decisions import Decisions
    from anonymizer.schema import Schema

RULES: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    masks.check,
    unique.check,
    data.check,
    leaks.check,
    breaks.check,
    texts.check,
)
"""Every rule that looks at a plan; a new one is a file and a line here."""


def check(
    source: Plan | Models | sa.MetaData,
    decisions: Decisions | None = None,
    *,
    schema: Schema | None = None,
    dialect: str | None = None,
    default_schema: str | None = None,
) -> list[Finding]:
    """Return everything that is wrong or risky, errors first; no error means that masks can run.

    *schema* is what was found in the data: tables and columns that nobody decided on are
    errors. Of a plan alone what only models say, as CHECK constraints, is not looked at.
    """
    if isinstance(source, Plan):
        context = Context.of_plan(source, schema)
        return in_order([each for rule in RULES for each in rule(context)])
    made = outline(source, decisions, schema=schema, dialect=dialect, default_schema=default_schema)
    context = Context.of_outline(made, schema)
    found = [*_with_lines(made), *(each for rule in RULES for each in rule(context))]
    return in_order(found)


def _with_lines(made: Outline) -> Iterator[Finding]:
    """Yield the findings of *made*; what is not decided has a line to paste."""
    lines: dict[tuple[TableName | None, str | None], str] = {}
    undecided = [each for each in made.findings if each.rule == "undecided"]
    for proposal in suggest(made) if undecided else ():
        decision, table, column = proposal.suggestion.decision, proposal.table, proposal.column
        in_file = toml_table(table, {column: decision}, {})
        lines[table, column] = in_model(decision) if proposal.in_model else in_file
    for each in made.findings:
        line = lines.get((each.table, each.column)) if each.rule == "undecided" else None
        yield replace(each, paste=line) if line else each
