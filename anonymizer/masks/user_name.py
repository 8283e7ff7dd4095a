"""Mask of user names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from anonymizer.masks.base import Distinct
from anonymizer.masks.draw import strung
from anonymizer.masks.handle import Handles
from anonymizer.masks.tag import LENGTH
from anonymizer.masks.textual import NAMES, PersonMask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Cells
    from anonymizer.masks.base import Replace, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class UserName(PersonMask):
    """Gives the name of *subject*, another column, or one by the value, and a token of the value.

    It looks like maria_lopez_4k2hq7zab3xwe; see `handle` on upper case. An empty one stays.
    """

    name: ClassVar[str] = "user_name"
    kinds: ClassVar[tuple[str, ...]] = NAMES
    keeps: ClassVar[Distinct] = Distinct.LIKELY
    least: ClassVar[int] = LENGTH

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        handles = Handles.of(setting, locale=self.locale, subject=self.subject, separator="_")
        length = setting.column.length

        def replace(values: Cells, others: Mapping[str, Cells]) -> Cells:
            return strung(*handles.parts(values, others, length)[0])

        return replace
