"""Masks that look at one value alone, whatever else is in its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.masks.base import Distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anonymizer.cells import Cells
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting

Function: TypeAlias = "Callable[[Cells], Cells]"
"""Takes values of a column, none of them NULL, and returns as many new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What such masks have in common; most are permutations, and the others say so."""

    @property
    def needs(self) -> tuple[str, ...]:
        """No other column."""
        return ()

    def distinct(self, column: Column) -> Distinct:
        """Return that distinct values of *column* stay so."""
        del column
        return Distinct.KEPT

    def function(self, setting: Setting) -> Function:
        """Return what replaces the values of the column of *setting*."""
        raise NotImplementedError

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column, from them alone."""
        replace = self.function(setting)

        def replace_alone(values: Cells, others: Mapping[str, Cells]) -> Cells:
            del others
            return replace(values)

        return replace_alone
