"""Rules of what only the data says: keys hold in the output, and no index tells what was masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.column import TableName
from anonymizer.errors import PolicyError
from anonymizer.markup import CLEAR, KEEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.column import Column, Reference
    from anonymizer.plan.plan import Plan
    from anonymizer.schema import Schema


def hold(plan: Plan, references: Mapping[TableName, tuple[Reference, ...]]) -> None:
    """Raise PolicyError for those of *references*, of the data, that masks would break.

    Which keys a dump has is known when it is read to its end: where models and policy did not
    say them, nothing else would tell.
    """
    problems = list(_problems(plan, references))
    if problems:
        raise PolicyError(
            f"a foreign key of the data would not hold: {problems[0]}",
            problems=problems[1:],
            hint="say the key in the models or under references in the policy, or give both"
            " columns one domain; anonymizer check --dump shows it before",
        )


def hide(plan: Plan, schema: Schema) -> None:
    """Raise PolicyError for a full-text index of SQLite that stays, while its texts are masked.

    In a file the index is made anew; in a text it is rows of tables beside that of the texts.
    """
    names = {each.name for each in schema.tables}
    for name in sorted(names):
        for ends in _INDEXES:
            base = name.removesuffix(ends[0])
            if base == name or not {base + end for end in ends} <= names:
                continue
            told = [base + end for end in ends if _is_kept(plan, base + end, every=False)]
            if told and not _is_kept(plan, f"{base}_content", every=True):
                raise PolicyError(
                    f"{told[0]} stays, a full-text index of what is masked in {base}_content",
                    hint="mask the file of SQLite itself, or drop the virtual table before .dump",
                )


_INDEXES = (("_data", "_idx"), ("_segments", "_segdir"))
"""Ends of the names of tables in which FTS5, and FTS3 and FTS4, keep the words of texts."""


def _is_kept(plan: Plan, name: str, *, every: bool) -> bool:
    """Return whether some columns of a table stay as they are, or *every* one."""
    table = plan.find(TableName(None, name))
    kept = [each.decision.mask == KEEP for each in table.columns] if table else []
    return all(kept) if every else any(kept)


def absent(plan: Plan, schema: Schema) -> list[TableName]:
    """Return the tables of *plan* that are not in *schema*: of a dump of some tables the others."""
    there = {table.name for name in schema.tables if (table := plan.find(name)) is not None}
    return [each.name for each in plan.tables if each.name not in there]


def _problems(plan: Plan, references: Mapping[TableName, tuple[Reference, ...]]) -> Iterator[str]:
    for name, listed in references.items():
        for each in listed:
            table, target = plan.find(name), plan.find(each.table)
            if table is None or target is None:
                continue
            for column, to in zip(each.columns, each.to, strict=True):
                ends = table.column(column), target.column(to)
                if ends[0] and ends[1] and not _is_alike(ends[0], ends[1]):
                    yield (
                        f"{name}.{column} ({ends[0].decision.mask}) refers to {each.table}.{to}"
                        f" ({ends[1].decision.mask}), which is masked otherwise"
                    )


def _is_alike(column: Column, target: Column) -> bool:
    """Return whether equal values of both are equal when they are masked."""
    first, second = column.decision, target.decision
    if first.mask == CLEAR:
        return True  # A key that refers to nothing is still right.
    if first.mask != second.mask:
        return False
    if first.mask == KEEP:
        return True
    sizes = (column.bits, column.length) == (target.bits, target.length)
    return sizes and column.domain == target.domain and first.options == second.options
