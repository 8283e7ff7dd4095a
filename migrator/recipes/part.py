"""A part of a migration and of its test: what one recipe contributes to both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.recipes.source import call, enclosed, mapping, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migrator.recipes.known import Table

SCRATCH = "    with scratch() as engine:"
COLUMNS_OF = "from migrator.testing import columns_of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one recipe writes."""

    doc: str
    """What it does, without a capital and a full stop."""
    operations: tuple[str, ...] = ()
    """Statements of the phase function."""
    imports: tuple[str, ...] = ()
    helper: str = ""
    """A function that the transition uses."""
    transition: str = ""
    """The assignment that declares it."""
    test: str = ""
    """A test function."""
    test_imports: tuple[str, ...] = ()
    needs: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """Tables that have to be there, with names and types of the columns that have to be."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Suffix of another file, as 'sqlite.sql' → its text."""
    notes: tuple[str, ...] = ()
    """What the author has to look at."""


def bare_part(name: str, phase: str) -> Part:
    """Return what a migration without a recipe begins with."""
    what = "adds" if phase == "expand" else "drops"
    return Part(
        doc=name.replace("_", " "),
        test=scratch_test(
            f"{name}_is_applied",
            [walk(name), "", 'assert "migrator_history" in sa.inspect(engine).get_table_names()'],
        ),
        test_imports=("import sqlalchemy as sa",),
        notes=(f"write what it {what}, and let the test say what that is",),
    )


def row(table: Table, number: int, values: dict[str, str]) -> str:
    """Return a row for a test: *values*, and whatever else a row of *table* has to have.

    *number* tells it from other rows, where a column is unique.
    """
    needed = {
        column.name: str(number) if column.type is None else _distinct(column.type.values, number)
        for column in table.columns.values()
        if (column.unique or column.primary)
        and not column.nullable
        and not _counts(table, column.name)
    }
    plain = {
        column.name: column.type.values[0] if column.type and column.type.values else "0"
        for column in table.columns.values()
        if not column.nullable and not column.default and not column.primary
    }
    return mapping({**plain, **needed, **values}.items(), before=16)


def scratch_test(name: str, body: Sequence[str]) -> str:
    """Return a test that runs on a scratch database."""
    lines = [f"def test_{name}() -> None:", SCRATCH]
    for statement in body:
        lines += [f"        {line}".rstrip() for line in statement.splitlines() or [""]]
    return "\n".join(lines)


def walk(migration: str) -> str:
    """Return the call that applies everything up to *migration*."""
    return call("walk_to", ["engine", quoted(migration), "manifest=MANIFEST"], before=8)


def listed(parts: list[str], *, before: int) -> str:
    """Return a list, each part on its line when they do not fit on one."""
    return enclosed("[", parts, "]", before=before)


def _counts(table: Table, name: str) -> bool:
    """Return whether the database counts *name* by itself: the only key, a whole number."""
    column = table.columns[name]
    keys = [each for each in table.columns.values() if each.primary]
    whole = column.type is None or column.type.family == "integer"
    return column.primary and len(keys) == 1 and whole


def _distinct(values: tuple[str, ...], number: int) -> str:
    """Return a value of the kind of *values* that is the row's own."""
    sample = values[0] if values else "0"
    if sample.startswith('"'):
        return quoted(str(number))
    return str(number) if sample.isdigit() else sample
