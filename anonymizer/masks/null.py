"""Leave no value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from anonymizer.errors import PolicyError
from anonymizer.masks.base import Distinct

if TYPE_CHECKING:
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Make every value NULL, which whoever writes the rows does: it is no value."""

    name: ClassVar[str] = "null"

    @property
    def needs(self) -> tuple[str, ...]:
        """No other column."""
        return ()

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: it may not be NULL."""
        return None if column.nullable else "the column may not be NULL"

    def distinct(self, column: Column) -> Distinct:  # noqa: ARG002
        """Return that no two rows have the same value: NULL equals nothing."""
        return Distinct.KEPT

    def bind(self, setting: Setting) -> Replace:
        """Raise PolicyError: there is nothing that values could be replaced by."""
        raise PolicyError(
            f"column {setting.column.name}: NULL is no value that a mask could give here",
            hint="use mask.constant()",
        )
