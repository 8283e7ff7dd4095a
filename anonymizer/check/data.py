"""Rule: data and decisions know the same tables and columns, of the same types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.finding import Finding
from anonymizer.plan.draft import Draft
from anonymizer.plan.kinds import facts_of_name, is_alike
from anonymizer.plan.links import normal
from anonymizer.suggest import suggest_for
from anonymizer.suggest.render import toml_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.check.context import Context
    from anonymizer.column import Table, TableName
    from anonymizer.schema import Keys


def check(context: Context) -> Iterator[Finding]:
    """Yield what only the data has, what only the models have, and what differs in its type."""
    if context.schema is None:
        return
    for name, columns in context.schema.tables.items():
        table = context.plan.find(name)
        if table is None:
            yield _unknown_table(context, name, columns)
            continue
        yield from _columns(context, name, table, columns)
        yield from _types(name, table, columns)
    yield from _absent(context)


def _unknown_table(context: Context, name: TableName, columns: Mapping[str, str | None]) -> Finding:
    message = "the data has this table, and neither models nor policy know it"
    generated = context.schema.generated.get(name, ()) if context.schema is not None else ()
    kept = {each: columns[each] for each in columns if each not in generated}
    keys = context.schema.keys.get(name, ()) if context.schema is not None else ()
    return Finding(
        rule="data",
        table=name,
        message=message,
        paste=_lines(name, kept, keys),
    )


def _columns(
    context: Context, name: TableName, table: Table, columns: Mapping[str, str | None]
) -> Iterator[Finding]:
    draft = context.drafts.get(table.name)
    known = {each.name for each in table.columns}
    if draft is not None:
        known |= {each.name for each in draft.columns} | set(draft.generated)
    generated = context.schema.generated.get(name, frozenset()) if context.schema else frozenset()
    for column, written in columns.items():
        if column not in known | generated:
            yield Finding(
                rule="data",
                table=name,
                column=column,
                message="the data has this column, and neither models nor policy know it",
                paste=_lines(name, {column: written}, ()),
            )


def _types(name: TableName, table: Table, columns: Mapping[str, str | None]) -> Iterator[Finding]:
    for column in table.columns:
        written = columns.get(column.name)
        if written is None or is_alike(column.kind, facts_of_name(written).kind):
            continue
        kept = column.decision.mask == "keep"
        yield Finding(
            rule="data",
            severity="warning" if kept else "error",
            table=name,
            column=column.name,
            message=f"it is {written} in the data, and {column.kind.value} in the models",
        )


def _absent(context: Context) -> Iterator[Finding]:
    """Yield what is decided and not there: mostly a wrong database, or old models."""
    assert context.schema is not None  # noqa: S101 - asked before
    plan, found = context.plan, context.schema
    there = {normal(name, plan.default_schema): each for name, each in found.tables.items()}
    for table in context.tables():
        columns = there.get(normal(table.name, plan.default_schema))
        if columns is None:
            message = "models or policy know this table, and the data does not have it"
            yield Finding(rule="data", severity="warning", table=table.name, message=message)
            continue
        draft = context.drafts.get(table.name)
        computed = draft.generated if draft is not None else ()
        for column in table.columns:
            if column.name not in columns and column.name not in computed:
                yield Finding(
                    rule="data",
                    severity="warning",
                    table=table.name,
                    column=column.name,
                    message="models or policy know this column, and the data does not have it",
                )


def _lines(table: TableName, columns: Mapping[str, str | None], keys: Keys) -> str:
    drafts = [
        Draft(name=name, facts=facts_of_name(written or "text"))
        for name, written in columns.items()
    ]
    found = suggest_for(table, drafts, keys=keys)
    decisions = {each.column: each.suggestion.decision for each in found}
    return toml_table(table, decisions, columns)
