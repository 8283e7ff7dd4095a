"""What rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anonymizer.errors import PolicyError
from anonymizer.masks.find import mask_of
from anonymizer.plan.draft import DraftTable, Unique

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.column import Column, Table, TableName
    from anonymizer.masks.base import Mask
    from anonymizer.plan import Outline, Plan
    from anonymizer.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """A plan, what it is made from where that is known, and the data."""

    plan: Plan
    drafts: Mapping[TableName, DraftTable]
    schema: Schema | None
    masks: Mapping[tuple[TableName, str], Mask]
    """The mask of each column that has one with right options."""
    errors: Mapping[tuple[TableName, str], PolicyError]
    """Why a column has none."""

    @classmethod
    def of_outline(cls, made: Outline, schema: Schema | None) -> Context:
        """Return the context of a plan that is made from drafts."""
        return cls._of(made.plan, {each.name: each for each in made.drafts}, schema)

    @classmethod
    def of_plan(cls, plan: Plan, schema: Schema | None) -> Context:
        """Return the context of a plan alone."""
        return cls._of(plan, {}, schema)

    @classmethod
    def _of(
        cls, plan: Plan, drafts: Mapping[TableName, DraftTable], schema: Schema | None
    ) -> Context:
        masks, errors = {}, {}
        for table in plan.tables:
            for column in table.columns:
                try:
                    masks[table.name, column.name] = mask_of(column.decision)
                except PolicyError as error:
                    errors[table.name, column.name] = error
        return cls(plan=plan, drafts=drafts, schema=schema, masks=masks, errors=errors)

    def uniques(self, table: Table) -> tuple[Unique, ...]:
        """Return what is unique in *table*."""
        draft = self.drafts.get(table.name)
        if draft is not None:
            return draft.uniques
        return tuple(Unique(columns=each) for each in table.keys)

    def tables(self) -> Iterator[Table]:
        """Yield the tables, without those that are only parts of others."""
        parts = self.schema.partitions if self.schema is not None else {}
        for table in self.plan.tables:
            if not self.drafts or table.name in self.drafts or table.name not in parts:
                yield table

    def columns(self) -> Iterator[tuple[Table, Column]]:
        """Yield every column with its table."""
        for table in self.tables():
            for column in table.columns:
                yield table, column
