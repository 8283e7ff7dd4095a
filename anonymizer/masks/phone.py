"""Masks of what is written in digits, and now and then letters: phone numbers and postcodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from anonymizer.masks.base import Distinct
from anonymizer.masks.draw import subkey
from anonymizer.masks.shape import Shape
from anonymizer.masks.textual import TextMask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Cells
    from anonymizer.masks.base import Replace, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeMask(TextMask):
    """Permutes digits among digits and letters among letters; see `shape`."""

    keeps: ClassVar[Distinct] = Distinct.KEPT

    def kept(self) -> int:
        """Return how many digits stay as they are."""
        return 0

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        shape = Shape(key=subkey(setting.key, "shape"), keep=self.kept())

        def replace(values: Cells, _others: Mapping[str, Cells]) -> Cells:
            return shape.permuted(values)

        return replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone(ShapeMask):
    """Permutes all digits but the first *keep_prefix*; spaces and signs stay where they are.

    As of every permutation, a short number may become itself: one in a thousand of three digits.
    """

    keep_prefix: int = 0
    """Digits that stay, as of a country: 2 keeps the 49 of +49 30 901820."""

    name: ClassVar[str] = "phone"

    def __post_init__(self) -> None:
        if self.keep_prefix < 0:
            raise ValueError(f"keep_prefix={self.keep_prefix!r}, expected a number from 0 on")

    @override
    def kept(self) -> int:
        return self.keep_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Postcode(ShapeMask):
    """Permutes digits among digits and letters among letters: SW1A 1AA becomes QK7R 3ZD."""

    name: ClassVar[str] = "postcode"
