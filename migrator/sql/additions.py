"""Additions: what a new column, constraint or index asks of rows and code that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.sql import expression
from migrator.sql.statement import Caution, Finding, Kind
from migrator.sql.tokens import Sort

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.sql.columns import Column
    from migrator.sql.reader import Name, Reader
    from migrator.sql.tokens import Token

_FILL = "add it nullable or with a constant default, `fill` it, set NOT NULL in a contract"
_REFUSED_WRITES = "the running code may be refused a write that it could do before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table that something is added to, as if it were in use; how its findings are made."""

    reader: Reader
    schema: str | None
    name: str

    def finding(self, kind: Kind, label: str, why: str, hint: str | None = None) -> Finding:
        """Return a finding that is none when the same migration made the table."""
        return Finding(
            kind=kind, label=label, why=why, hint=hint, table=self.name, schema=self.schema
        )

    def narrows(self, label: str, columns: Sequence[str] = (), *, every: bool = False) -> Finding:
        """Return the finding of a constraint that is none when it concerns new columns only."""
        return Finding(
            kind=Kind.UNREADABLE,
            label=label,
            why=_REFUSED_WRITES,
            hint=f"write allow = [{label!r}], and as the reason why the running code keeps to it; "
            "or put it in a contract",
            table=self.name,
            schema=self.schema,
            columns=tuple(columns),
            every=every,
        )

    def blocks(self, thing: str, label: str) -> Iterator[Finding]:
        """Yield the finding of something whose adding locks a large table for long."""
        syntax = self.reader.dialect.syntax
        if thing in syntax.blocking:
            small = f"if the table is small, write allow = [{label!r}] and the reason"
            hint = "; ".join(filter(None, [syntax.recipes.get(thing), small]))
            yield self.finding(Kind.BLOCKING, label, syntax.blocking[thing], hint)

    def caution(self, rule: str, why: str, hint: str) -> Caution:
        """Return a caution that is none when the same migration made the table."""
        return Caution(rule=rule, why=why, hint=hint, table=self.name, schema=self.schema)


def of_column(column: Column, table: Table) -> Iterator[Finding]:
    """Yield why adding *column* to *table* is more than adding."""
    yield from _value(column, table)
    yield from _keys(column, table)
    yield from _formula(column, table)
    for check in column.checks:
        yield from _check(column, check, table)
    if column.custom:
        yield from _custom(column, table)


def _value(column: Column, table: Table) -> Iterator[Finding]:
    """Yield what follows from the value that rows get which are there."""
    valueless = column.default in ("", "null") and not (column.numbered or column.generated)
    if column.not_null and valueless:
        why = "rows that are there, and those that the running code adds, have no value for it"
        yield table.finding(Kind.DESTRUCTIVE, "ADD COLUMN NOT NULL", why, _FILL)
    if column.default == "computed":
        yield table.narrows("ADD COLUMN DEFAULT")
    if column.default == "volatile":
        yield from table.blocks("volatile", "ADD COLUMN DEFAULT")
    if column.numbered:
        yield from table.blocks("numbered", "ADD COLUMN SERIAL")


def _keys(column: Column, table: Table) -> Iterator[Finding]:
    """Yield what follows from keys in the definition of the column."""
    if column.primary:
        why = "the key of a table that is in use changes"
        yield table.finding(Kind.DESTRUCTIVE, "ADD PRIMARY KEY", why)
    if column.unique:
        if not column.blank or column.nulls_equal:
            why = "two rows of the running code would have the same value"
            yield table.finding(Kind.DESTRUCTIVE, "ADD COLUMN UNIQUE", why)
        yield from table.blocks("unique", "ADD COLUMN UNIQUE")
    if column.refers:
        if not column.blank:
            yield table.narrows("ADD FOREIGN KEY")
        if not table.reader.dialect.capabilities.late_validation:
            yield from table.blocks("foreign key", "ADD FOREIGN KEY")


def _formula(column: Column, table: Table) -> Iterator[Finding]:
    """Yield what follows from a value that is computed of other columns."""
    if not column.generated:
        return
    syntax = table.reader.dialect.syntax
    loops = any(
        token.sort in (Sort.WORD, Sort.NAME)
        and syntax.same_column(table.reader.kept(token), column.name)
        for token in column.formula
    )
    if column.not_null or loops or not expression.total(column.formula, syntax):
        yield table.narrows("ADD COLUMN GENERATED")
    if column.generated == "stored":
        yield from table.blocks("stored", "ADD COLUMN STORED")


def _check(column: Column, check: Sequence[Token], table: Table) -> Iterator[Finding]:
    """Yield what follows from a check in the definition of the column."""
    looks_at = expression.null_passes(check, table.reader)
    syntax = table.reader.dialect.syntax
    others = sorted(each for each in looks_at or () if not syntax.same_column(each, column.name))
    if looks_at is None or not column.blank:
        yield table.narrows("ADD CHECK")
    elif others:
        yield table.narrows("ADD CHECK", others, every=True)
    yield from table.blocks("column check", "ADD CHECK")


def _custom(column: Column, table: Table) -> Iterator[Finding]:
    """Yield that a type may be a domain, with constraints that the statement does not show."""
    name = ".".join(column.custom).upper()
    yield Finding(
        kind=Kind.UNREADABLE,
        label=f"TYPE {name}",
        why="the type may have constraints of its own, and rewrite the table",
        hint=f"if it has none, write allow = [{f'TYPE {name}'!r}] and the reason",
        table=table.name,
        schema=table.schema,
        type=column.custom,
    )


def of_check(check: Sequence[Token], table: Table, *, late: bool) -> Iterator[Finding]:
    """Yield why adding the check to *table* is more than adding; *late* is NOT VALID."""
    looks_at = expression.null_passes(check, table.reader)
    if looks_at is None:
        yield table.narrows("ADD CHECK")
    else:
        yield table.narrows("ADD CHECK", sorted(looks_at), every=True)
    if not late:
        yield from table.blocks("check", "ADD CHECK")


def of_key(
    thing: str, columns: Sequence[str], table: Table, *, late: bool = False, every: bool = False
) -> Iterator[Finding]:
    """Yield why adding a foreign key, unique or exclude constraint is more than adding.

    It holds for a row as soon as one of its *columns* is NULL, or only when *every* one is.
    """
    label = f"ADD {thing.upper()}"
    yield table.narrows(label, columns, every=every)
    if not late:
        yield from table.blocks(thing, label)


def of_primary_key(table: Table) -> Iterator[Finding]:
    """Yield why a primary key is not added to a table in use."""
    why = "its columns become NOT NULL and the table is locked or written again"
    yield table.finding(Kind.DESTRUCTIVE, "ADD PRIMARY KEY", why)


def name_of(table: Name, reader: Reader) -> Table:
    """Return the table called *table*."""
    return Table(reader=reader, schema=table[0], name=table[1])
