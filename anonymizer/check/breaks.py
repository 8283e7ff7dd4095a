"""Rule: masked values may stand where they stood: CHECK, EXCLUDE, Enum, sizes, models."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.schema import ColumnCollectionConstraint

from anonymizer.finding import Finding
from anonymizer.plan.domains import OF_THE_WORD, UNMASKED
from anonymizer.plan.draft import named_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anonymizer.check.context import Context
    from anonymizer.column import Column, Table
    from anonymizer.finding import Severity
    from anonymizer.plan.draft import DraftTable

_AMPLE = 64
"""Characters that are enough for every word but free text."""
_EXCLUDE = "exclude_constraint"
"""What SQLAlchemy calls EXCLUDE of PostgreSQL; to import all of that takes a while."""


def check(context: Context) -> Iterator[Finding]:
    """Yield what a masked value may break."""
    for table in context.tables():
        draft = context.drafts.get(table.name)
        if draft is not None:
            yield from _enums(table, draft)
            yield from _constraints(table, draft)
            yield from _discriminator(table, draft)
    yield from _sizes(context)


def _masked(table: Table, names: Sequence[str]) -> list[str]:
    """Return those of *names* whose values become others."""
    columns = [table.column(name) for name in dict.fromkeys(names)]
    return [each.name for each in columns if each and each.decision.mask not in {"keep", "null"}]


def _enums(table: Table, draft: DraftTable) -> Iterator[Finding]:
    """Yield masks that give an Enum what it does not take."""
    for column in table.columns:
        known = draft.column(column.name)
        if known is None or not known.facts.values:
            continue
        mask, options = column.decision.mask, column.decision.options
        given = [options.get("value")] if mask == "constant" else options.get("values") or ()
        if mask in {"constant", "category"}:
            strange = [str(each) for each in given if str(each) not in known.facts.values]
            if strange:
                message = f"its type does not take {', '.join(strange)}"
                yield _finding(table, column.name, message, "error")
        elif mask not in {"keep", "null", "own"}:
            count = len(known.facts.values)
            message = f"its type takes {count} values only, none of which mask.{mask}() gives"
            yield _finding(table, column.name, f"{message}: use mask.category()", "error")


def _constraints(table: Table, draft: DraftTable) -> Iterator[Finding]:
    """Yield conditions on columns that are masked."""
    if draft.source is None:
        return
    for constraint in sorted(draft.source.constraints, key=lambda each: str(each.name or "")):
        names, what = _named(constraint, draft.source)
        masked = _masked(table, names)
        if masked:
            called = f" {constraint.name}" if isinstance(constraint.name, str) else ""
            message = f"the {what} constraint{called} on {', '.join(names)} may not hold any more"
            yield _finding(table, masked[0] if len(names) == 1 else None, message)


def _named(constraint: sa.Constraint, source: sa.Table) -> tuple[list[str], str]:
    """Return the columns that *constraint* speaks of, and what sort it is."""
    if isinstance(constraint, ColumnCollectionConstraint) and constraint.__visit_name__ == _EXCLUDE:
        return [each.name for each in constraint.columns], "EXCLUDE"
    if not isinstance(constraint, sa.CheckConstraint):
        return [], ""
    names = list(dict.fromkeys(named_in(constraint.sqltext, source)))
    limited = [each.name for each in source.columns if isinstance(each.type, sa.Enum | sa.Boolean)]
    # That of an Enum or a Boolean only says its values, which is looked at elsewhere.
    return ([] if len(names) == 1 and names[0] in limited else names), "CHECK"


def _discriminator(table: Table, draft: DraftTable) -> Iterator[Finding]:
    """Yield the masked column that says of which class a row is."""
    for model in draft.classes:
        mapper: object = sa.inspect(model, raiseerr=False)
        column = getattr(mapper, "polymorphic_on", None)
        is_own = isinstance(column, sa.Column) and column.table is draft.source
        if column is not None and is_own and _masked(table, [column.name]):
            message = f"it says of which class a row is, so {model.__name__} cannot be loaded"
            yield _finding(table, column.name, message, "error")
            return


def _sizes(context: Context) -> Iterator[Finding]:
    """Yield columns of one domain that do not take the same."""
    shared: dict[str, list[tuple[Table, Column]]] = defaultdict(list)
    for table, column in context.columns():
        if column.decision.mask not in UNMASKED:
            shared[column.domain].append((table, column))
    for domain, columns in shared.items():
        yield from _bits(context, domain, columns)
        for word in dict.fromkeys(column.decision.mask for _, column in columns):
            alike = [each for each in columns if each[1].decision.mask == word]
            yield from _lengths(domain, word, alike)


def _bits(
    context: Context, domain: str, columns: Sequence[tuple[Table, Column]]
) -> Iterator[Finding]:
    """Yield the columns that are smaller than others, whose large numbers do not fit."""
    sizes = {}
    for table, column in columns:
        draft = context.drafts.get(table.name)
        known = draft.column(column.name) if draft is not None else None
        sizes[table.name, column.name] = known.facts.bits if known is not None else None
    most = max((each for each in sizes.values() if each is not None), default=0)
    for table, column in columns:
        size = sizes[table.name, column.name]
        if size is not None and size < most:
            message = f"others of its domain {domain!r} have {most} bits and it {size}"
            yield _finding(table, column.name, f"{message}: larger numbers are refused")


def _lengths(domain: str, word: str, columns: Sequence[tuple[Table, Column]]) -> Iterator[Finding]:
    """Yield the columns that are too short for the words that others have room for."""
    if word == "text" or word not in OF_THE_WORD:
        return
    most = max((each.length or _AMPLE for _, each in columns), default=_AMPLE)
    for table, column in columns:
        if column.length is not None and column.length < min(most, _AMPLE):
            message = f"others of its domain {domain!r} are longer than its {column.length}"
            yield _finding(table, column.name, f"{message}: their pseudonyms may differ")


def _finding(
    table: Table, column: str | None, message: str, severity: Severity = "warning"
) -> Finding:
    return Finding(
        rule="break", severity=severity, table=table.name, column=column, message=message
    )
