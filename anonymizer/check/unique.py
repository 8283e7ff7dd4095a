"""Rule: what is unique stays so.

Rows that differ in a key must differ in it afterwards. When every column of the key keeps
distinct values distinct, so does the key: two rows differ in one of them at least, and still do.
One column that does so is not enough, for two rows may agree in that one – unless it is a key
by itself, or together with others of the key that do so as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.finding import Finding
from anonymizer.masks.base import Distinct
from anonymizer.plan.draft import named_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anonymizer.check.context import Context
    from anonymizer.column import Table
    from anonymizer.finding import Severity
    from anonymizer.plan.draft import Unique

_BITS = 64
_WORST = (Distinct.KEPT, Distinct.LIKELY, Distinct.LOST)
_SIZES = ((10**6, "a million"), (10**9, "a billion"))


def check(context: Context) -> Iterator[Finding]:
    """Yield the keys that masks do not provably keep unique."""
    for table in context.tables():
        uniques = context.uniques(table)
        for unique in dict.fromkeys(uniques):
            yield from _look_at(context, table, unique, uniques)
            yield from _case(context, table, unique)


def _look_at(
    context: Context, table: Table, unique: Unique, others: Sequence[Unique]
) -> Iterator[Finding]:
    known = [name for name in unique.columns if (table.name, name) in context.masks]
    computed = _computed(context, table) & set(unique.columns)
    if len(known) < len(unique.columns):
        return  # It is an error already that nothing, or nothing right, is decided on them.
    found = {name: _distinct(context, table, name, unique) for name in known}
    worst = max(found.values(), key=_WORST.index, default=Distinct.KEPT)
    if worst is not Distinct.KEPT and _holds_a_key(context, table, unique, others):
        return
    guilty = [name for name, each in found.items() if each is worst]
    if worst is Distinct.LOST:
        message = f"may get the same value twice: {_masks(table, guilty)} lets values become one"
        yield _finding(table, unique, message)
    elif worst is Distinct.LIKELY:
        yield _finding(table, unique, f"may get the same value twice: {chances()}", "warning")
    if worst is Distinct.LOST:
        return
    is_masked = not all(_is_kept(table, name) for name in known)
    if computed or (unique.is_expression and is_masked):
        message = "is computed, so that it stays unique cannot be proved"
        yield _finding(table, unique, message, "warning")
    masked = [name for name in unique.where if not _is_kept(table, name)]
    if masked:
        message = f"holds for some rows, and {', '.join(masked)}, which says for which, is masked"
        yield _finding(table, unique, message, "warning")


def chances() -> str:
    """Return how likely it is that two of many values become one."""
    shares = [f"of {size} rows two, with a probability of {_share(n):.0e}" for n, size in _SIZES]
    return "; ".join(shares)


def _share(count: int) -> float:
    """Return the probability that two of *count* random numbers are the same (birthdays)."""
    return count * (count - 1) / 2 / 2.0**_BITS


def _holds_a_key(context: Context, table: Table, unique: Unique, others: Sequence[Unique]) -> bool:
    """Return whether some columns of *unique* are a key that is kept."""
    return any(
        set(other.columns) < set(unique.columns)
        and not other.is_expression
        and not other.where
        and all(
            (table.name, name) in context.masks
            and _distinct(context, table, name, other) is Distinct.KEPT
            for name in other.columns
        )
        for other in others
    )


def _distinct(context: Context, table: Table, name: str, unique: Unique) -> Distinct:
    column = table.column(name)
    assert column is not None  # noqa: S101 - only columns of the table have a mask
    if column.decision.mask == "null" and unique.nulls_are_equal:
        return Distinct.LOST
    return context.masks[table.name, name].distinct(column)


def _case(context: Context, table: Table, unique: Unique) -> Iterator[Finding]:
    """Yield keys in which values are the same that differ in case only: no mask knows that."""
    draft = context.drafts.get(table.name)
    for name in unique.columns if draft is not None else ():
        column = draft.column(name) if draft is not None else None
        if column is not None and column.facts.folds_case and not _is_kept(table, name):
            message = f"takes values that differ in case only for one, which the mask of {name}"
            yield _finding(table, unique, f"{message} does not know", "warning")


def _computed(context: Context, table: Table) -> frozenset[str]:
    """Return the columns that the database computes from others that are masked."""
    draft = context.drafts.get(table.name)
    source = draft.source if draft is not None else None
    found = source.columns if source is not None else ()
    return frozenset(
        each.name
        for each in found
        if each.computed is not None
        and not all(_is_kept(table, name) for name in named_in(each.computed.sqltext, source))
    )


def _is_kept(table: Table, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.decision.mask == "keep"


def _masks(table: Table, names: Sequence[str]) -> str:
    masks = [f"mask.{column.decision.mask}()" for name in names if (column := table.column(name))]
    return ", ".join(dict.fromkeys(masks))


def _finding(table: Table, unique: Unique, message: str, severity: Severity = "error") -> Finding:
    named = f" {unique.name}" if unique.name else ""
    columns = ", ".join(unique.columns)
    return Finding(
        rule="unique",
        severity=severity,
        table=table.name,
        column=unique.columns[0] if len(unique.columns) == 1 else None,
        message=f"the key{named} ({columns}) {message}",
    )
