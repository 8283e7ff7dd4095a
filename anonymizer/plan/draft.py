"""Drafts: tables and columns as models, policy and data know them, before all is decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from anonymizer.column import Kind, Reference, TableName
from anonymizer.markup import Decision
from anonymizer.plan.kinds import Facts, facts_of, facts_of_name
from anonymizer.policy.decisions import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.policy.decisions import TableDecisions


COMPUTED = Said(
    decision=Decision(mask="null", why="the database computes it again"), place="the model"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """Columns that are unique together, and what makes that hard to prove."""

    columns: tuple[str, ...]
    name: str | None = None
    is_expression: bool = False
    """Whether it is not the columns that are unique but something computed from them."""
    where: tuple[str, ...] = ()
    """Columns of the condition under which they are unique."""
    nulls_are_equal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One column, and what is said about it so far."""

    name: str
    facts: Facts
    nullable: bool = True
    said: Said | None = None
    """What is decided on this column by itself."""
    default: Said | None = None
    """What is decided for columns like it; a key to another table goes before that."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DraftTable:
    """One table, before all is decided."""

    name: TableName
    columns: tuple[Draft, ...]
    generated: tuple[str, ...] = ()
    uniques: tuple[Unique, ...] = ()
    references: tuple[Reference, ...] = ()
    source: sa.Table | None = None
    """None for a table without a model."""
    classes: tuple[type, ...] = ()

    def column(self, name: str) -> Draft | None:
        """Return the column called *name*."""
        return next((each for each in self.columns if each.name == name), None)


def name_of(table: sa.Table) -> TableName:
    """Return the name of *table*."""
    return TableName(table.schema, table.name)


def columns_of(
    table: sa.Table, said: Mapping[str, Said], dialect: sa.Dialect | None
) -> Iterator[Draft]:
    """Yield the columns of *table*; what the database computes becomes NULL, unless it is said.

    pg_dump, mysqldump and sqlite3 leave computed values out. mariadb-dump writes them, and
    MariaDB takes NULL for them and computes them again.
    """
    for column in table.columns:
        computed = column.computed is not None and column.name not in said
        yield Draft(
            name=column.name,
            facts=facts_of(column.type, dialect),
            nullable=bool(column.nullable) or computed,
            said=COMPUTED if computed else said.get(column.name),
        )


def generated_of(table: sa.Table) -> tuple[str, ...]:
    """Return the columns of *table* that the database computes: most dumps leave them out."""
    return tuple(column.name for column in table.columns if column.computed is not None)


def uniques_of(table: sa.Table) -> Iterator[Unique]:
    """Yield what is unique in *table*: its primary key, constraints and indexes."""
    if table.primary_key.columns:
        yield Unique(columns=tuple(each.name for each in table.primary_key.columns))
    for constraint in sorted(table.constraints, key=_order):
        if isinstance(constraint, sa.UniqueConstraint):
            names = tuple(each.name for each in constraint.columns)
            yield Unique(
                columns=names,
                name=_text(constraint.name),
                nulls_are_equal=_nulls_are_equal(constraint),
            )
    for index in sorted(table.indexes, key=_order):
        if index.unique:
            yield _unique_index(index)


def _unique_index(index: sa.Index) -> Unique:
    plain = [each for each in index.expressions if isinstance(each, sa.Column)]
    where = [
        found
        for dialect in ("postgresql", "sqlite")
        if (found := index.dialect_options[dialect]["where"]) is not None
    ]
    table = index.table
    names = [name for each in index.expressions for name in named_in(each, table)]
    return Unique(
        columns=tuple(dict.fromkeys(names)),
        name=_text(index.name),
        is_expression=len(plain) < len(list(index.expressions)),
        where=tuple(dict.fromkeys(name for each in where for name in named_in(each, table))),
        nulls_are_equal=_nulls_are_equal(index),
    )


def _nulls_are_equal(unique: sa.UniqueConstraint | sa.Index) -> bool:
    return bool(unique.dialect_options["postgresql"]["nulls_not_distinct"])


def named_in(expression: Any, table: sa.Table | None) -> list[str]:
    """Return the columns of *table* that *expression*, SQL as text or as elements, names."""
    if isinstance(expression, sa.sql.ClauseElement):
        found = [each.name for each in visitors.iterate(expression) if isinstance(each, sa.Column)]
        if found:
            return found
    words = set(re.findall(r"\w+", str(expression)))
    return [] if table is None else [each.name for each in table.columns if each.name in words]


def references_of(table: sa.Table) -> Iterator[Reference]:
    """Yield the foreign keys of *table*, also those to tables that nobody knows."""
    for constraint in sorted(table.foreign_key_constraints, key=_columns_first):
        targets = [_target(each, table) for each in constraint.elements]
        yield Reference(
            columns=tuple(element.parent.name for element in constraint.elements),
            table=targets[0][0],
            to=tuple(name for _, name in targets),
        )


def _target(key: sa.ForeignKey, table: sa.Table) -> tuple[TableName, str]:
    """Return the table and the column that *key* refers to."""
    try:
        column = key.column
    except sa.exc.InvalidRequestError:
        # It refers to what these models do not know; its name says to what.
        place, _, name = key.target_fullname.rpartition(".")
        schema, _, referred = place.rpartition(".")
        return TableName(schema or table.schema, referred), name
    assert isinstance(column.table, sa.Table)  # noqa: S101 - a key refers to a table
    return name_of(column.table), column.name


def _columns_first(constraint: sa.ForeignKeyConstraint) -> tuple[str, ...]:
    return tuple(constraint.column_keys)


def _order(named: sa.Constraint | sa.Index) -> tuple[str, ...]:
    columns = getattr(named, "columns", ())
    return (str(named.name or ""), *(each.name for each in columns))


def _text(name: object) -> str | None:
    return str(name) if isinstance(name, str) else None


_KINDS = {
    "integer": Kind.INTEGER,
    "noise": Kind.NUMBER,
    "date": Kind.DATE,
    "date_time": Kind.DATETIME,
    "json": Kind.JSON,
    "array": Kind.ARRAY,
}
"""What a column is of whose type nobody says anything, by its mask."""


def listed_of(
    name: TableName, table: TableDecisions, found: Mapping[str, str | None]
) -> DraftTable:
    """Return the draft of a table without a model: of its columns in the policy and the data."""
    names = dict.fromkeys((*found, *table.types, *table.columns))
    return DraftTable(
        name=name,
        columns=tuple(listed_column(each, table, found) for each in names),
        uniques=tuple(Unique(columns=key) for key in table.keys),
        references=table.references,
    )


def listed_column(name: str, table: TableDecisions, found: Mapping[str, str | None]) -> Draft:
    """Return the draft of a column without a model, whose type policy or data may say."""
    said = table.columns.get(name)
    written = table.types.get(name) or found.get(name)
    kind = _KINDS.get(said.decision.mask if said else "", Kind.TEXT)
    return Draft(
        name=name, facts=facts_of_name(written) if written else Facts(kind=kind), said=said
    )


def computed_column(name: str) -> Draft:
    """Return the draft of a column that only the data has, and that the database computes."""
    return Draft(name=name, facts=Facts(kind=Kind.OTHER), said=COMPUTED)
