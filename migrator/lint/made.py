"""What a migration has made so far: the running code does not know it, so it may be changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrator.dialects.syntax import Syntax
    from migrator.sql import Caution, Effect, Finding, Statement

Name = tuple[str | None, str | None]
"""Schema and name."""


@dataclass(slots=True)
class Made:
    """Tables, empty columns and types that statements have added; fed one after the other."""

    syntax: Syntax
    tables: set[Name] = field(default_factory=set)
    types: set[tuple[str | None, ...]] = field(default_factory=set)
    blank: set[tuple[Name, str | None]] = field(default_factory=set)
    """Table and column, where the running code leaves the column NULL."""

    def add(self, statement: Statement) -> None:
        """Take note of what *statement* adds."""
        for effect in statement.effects:
            if effect.verb == "add" and not effect.maybe:
                self._add(effect)

    def _add(self, effect: Effect) -> None:
        """Take note of what *effect* surely adds; what may have been there is not ours."""
        if effect.thing == "table":
            self.tables.add((effect.schema, effect.name))
        elif effect.thing == "type" and effect.detail == "plain":
            self.types.add((effect.schema, effect.name) if effect.schema else (effect.name,))
        elif effect.thing == "column" and effect.detail == "blank":
            self.blank.add(((effect.schema, effect.table), effect.name))

    def excuses(self, finding: Finding) -> bool:
        """Return whether *finding* is none, since it concerns only what was made here."""
        if finding.type in self.types:
            return True
        if self.excuses_table(finding):
            return True
        empty = [self._is_blank(finding, column) for column in finding.columns]
        return all(empty) and bool(empty) if finding.every else any(empty)

    def _is_blank(self, finding: Finding, column: str) -> bool:
        """Return whether *column* of the table of *finding* was made here and is left NULL."""
        table = (finding.schema, finding.table)
        return any(
            each == table and self.syntax.same_column(column, name) for each, name in self.blank
        )

    def excuses_table(self, finding: Finding | Caution) -> bool:
        """Return whether the table that *finding* is about was made here."""
        return finding.table is not None and (finding.schema, finding.table) in self.tables
