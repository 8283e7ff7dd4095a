"""Leave no value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from anonymizer.errors import PolicyError
from anonymizer.masks.alone import Alone

if TYPE_CHECKING:
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Null(Alone):
    """Make every value NULL, which whoever writes the rows does: it is no value."""

    name: ClassVar[str] = "null"

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: it may not be NULL."""
        return None if column.nullable else "the column may not be NULL"

    @override
    def bind(self, setting: Setting) -> Replace:
        """Raise PolicyError: there is nothing that values could be replaced by."""
        raise PolicyError(
            f"column {setting.column.name}: NULL is no value that a mask could give here",
            hint="use mask.constant()",
        )
