"""The engine: a plan and a key, from which the maskers of tables are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from anonymizer.errors import PolicyError
from anonymizer.markup import CLEAR, KEEP
from anonymizer.masker import Masked, Masker
from anonymizer.masks.base import Setting
from anonymizer.masks.find import mask_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anonymizer.column import Table, TableName
    from anonymizer.key import Key


class Decided(Protocol):
    """What is decided on tables: a plan."""

    def find(self, name: TableName) -> Table | None:
        """Return the table called *name*, if there are decisions on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A plan and a key: makes the maskers of tables."""

    plan: Decided
    key: Key

    def masker(
        self, name: TableName, columns: Sequence[str], *, part_of: TableName | None = None
    ) -> Masker | None:
        """Return what masks rows of *columns*; None when all of them stay as they are.

        On a partition, *part_of* another table, counts what is decided on that one. Raises
        PolicyError for a table or a column on which nothing is decided.
        """
        table = self.plan.find(name) or (part_of and self.plan.find(part_of))
        if table is None:
            raise PolicyError(
                f"table {name} is in the data, and no decision is made on it",
                hint="run anonymizer check: it prints the lines to paste",
            )
        missing = [each for each in columns if table.column(each) is None]
        if missing:
            raise PolicyError(
                f"no decision is made on {name}.{missing[0]}",
                hint="run anonymizer check: it prints the line to paste",
            )
        masked = tuple(self._masked(table, columns))
        made = Masker(table=table, columns=tuple(columns), masked=masked)
        # Where others of the table are masked, rows that have more than these must not pass.
        kept = all(each.decision.mask == KEEP for each in table.columns)
        return None if kept else made

    def _masked(self, table: Table, columns: Sequence[str]) -> Iterable[Masked]:
        for name in columns:
            column = table.column(name)
            assert column is not None  # noqa: S101 - looked for before
            if column.decision.mask == KEEP:
                continue
            if column.decision.mask == CLEAR:
                yield Masked(column=column, replace=None)
                continue
            mask = mask_of(column.decision)
            absent = [each for each in mask.needs if each not in columns]
            if absent:
                raise PolicyError(
                    f"{table.name}.{name} is masked by {absent[0]!r} of its row, which the data "
                    "does not have",
                    hint="dump the column as well",
                )
            setting = Setting(
                column=column,
                key=self.domain_key(column.domain),
                keys={
                    each.name: self.domain_key(each.domain)
                    for each in table.columns
                    if each.name in mask.needs
                },
                domains=self.domain_key,
            )
            yield Masked(column=column, replace=mask.bind(setting), needs=mask.needs)

    def domain_key(self, domain: str) -> bytes:
        """Return the key by which values of *domain* are masked."""
        return self.key.derive(f"domain {domain}")
