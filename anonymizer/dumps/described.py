"""Described: what the statements of a dump say of tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymizer.dumps.pg_statement import table_named
from anonymizer.schema import Schema

if TYPE_CHECKING:
    from anonymizer.column import Reference, TableName
    from anonymizer.passed import Passed


@dataclass(slots=True, kw_only=True)
class Described:
    """What statements say of tables; a type is as it is written, None where none is said."""

    tables: dict[TableName, dict[str, str | None]] = field(default_factory=dict)
    generated: dict[TableName, frozenset[str]] = field(default_factory=dict)
    """Columns that the database computes: no rows hold them."""
    keys: dict[TableName, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    """Columns that are unique together, of the primary key first."""
    references: dict[TableName, tuple[Reference, ...]] = field(default_factory=dict)
    """Foreign keys of each table."""
    partitions: dict[TableName, TableName] = field(default_factory=dict)
    """A part of a table → the table."""
    passed: list[Passed] = field(default_factory=list)
    """What passes unchanged and may hold data."""
    default: str | None = None
    """The schema that is meant where the next statement says none."""

    def whole(self, table: TableName) -> TableName | None:
        """Return the table that *table* is a part, or a part of a part, of; None if of none."""
        found, seen = self.partitions.get(table), {table}
        while found in self.partitions and found not in seen:
            seen.add(found)
            found = self.partitions[found]
        return found

    def named(self, text: bytes) -> TableName:
        """Return the table that is written as *text*."""
        return table_named(text, self.default)

    def schema(self) -> Schema:
        """Return what was said so far."""
        return Schema(
            tables=self.tables,
            generated={name: each for name, each in self.generated.items() if each},
            keys=self.keys,
            references=self.references,
            partitions=self.partitions,
            passed=tuple(self.passed),
        )
