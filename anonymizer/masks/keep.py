"""Leave values as they are: what `public` decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from anonymizer.masks.alone import Alone

if TYPE_CHECKING:
    from anonymizer.cells import Cells
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(Alone):
    """Keep all values."""

    name: ClassVar[str] = "keep"

    def refuses(self, column: Column) -> str | None:
        """Return None: there is nothing to it."""
        del column
        return None

    @override
    def function(self, setting: Setting) -> Function:
        """Return what returns the values that it is given."""

        def replace(values: Cells) -> Cells:
            return values

        return replace
