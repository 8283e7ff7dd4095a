"""Leave values as they are: what `public` decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from anonymizer.masks.base import Distinct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Cells
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Keep all values."""

    name: ClassVar[str] = "keep"

    @property
    def needs(self) -> tuple[str, ...]:
        """No other column."""
        return ()

    def refuses(self, column: Column) -> str | None:  # noqa: ARG002
        """Return None: there is nothing to it."""
        return None

    def distinct(self, column: Column) -> Distinct:  # noqa: ARG002
        """Return that distinct values stay so."""
        return Distinct.KEPT

    def bind(self, setting: Setting) -> Replace:  # noqa: ARG002
        """Return what returns the values that it is given."""

        def replace(values: Cells, others: Mapping[str, Cells]) -> Cells:  # noqa: ARG001
            return values

        return replace
