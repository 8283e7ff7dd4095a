"""Rule: each mask exists, serves the type of its column, and has the columns that it needs."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from anonymizer.finding import Finding
from anonymizer.plan.decide import spell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.check.context import Context
    from anonymizer.column import Column, Table
    from anonymizer.markup import Decision
    from anonymizer.masks.base import Mask


def check(context: Context) -> Iterator[Finding]:
    """Yield the columns whose mask cannot do its work."""
    for table, column in context.columns():
        place = (table.name, column.name)
        if place in context.errors:
            error = context.errors[place]
            hint = f"; {error.hint}" if error.hint else ""
            yield _finding(table, column, f"{error.message}{hint}")
            continue
        mask = context.masks[place]
        why = mask.refuses(column)
        if why is not None:
            yield _finding(table, column, f"{spell(_bare(column))} cannot serve it: {why}")
        yield from _missing(context, table, column, mask)


def _missing(context: Context, table: Table, column: Column, mask: Mask) -> Iterator[Finding]:
    """Yield the columns of the row that *mask* looks at and does not have."""
    draft = context.drafts.get(table.name)
    generated = draft.generated if draft is not None else ()
    known = {each.name for each in (draft.columns if draft is not None else table.columns)}
    known -= set(generated)
    for name in mask.needs:
        if name in known:
            continue
        if name in generated:
            message = f"it needs {name!r}, which the database computes, and most dumps leave out"
        else:
            close = get_close_matches(name, sorted(known), n=1)
            message = f"it needs {name!r}, which is no column of its table"
            message += f"; did you mean {close[0]!r}?" if close else ""
        yield _finding(table, column, message)


def _bare(column: Column) -> Decision:
    """Return the decision as it was said, without the domain that the plan gave it."""
    return replace(column.decision, domain=None)


def _finding(table: Table, column: Column, message: str) -> Finding:
    return Finding(rule="mask", table=table.name, column=column.name, message=message)
