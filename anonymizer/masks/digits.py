"""Replace digits by digits: a keyed permutation for each number of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import DIGITS, OTHER, Runs, Strings, compact, numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Cells
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_NUMBERED = numbered(DIGITS)
_ASCII = 0x80
_LETTERS = numbered(b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ") != OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits(Alone):
    """Permute the digits of a value, but the first *keep*; all else stays where it is."""

    name: ClassVar[str] = "digits"

    keep: int = 0

    def __post_init__(self) -> None:
        if self.keep < 0:
            raise ValueError(f"keep is {self.keep}, expected 0 or more")

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: a number may not begin with zeros."""
        return text_only(column, hint="mask.integer() or mask.noise() is for numbers")

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the digits of one column."""
        strings = Strings(setting.key, len(DIGITS))

        def replace(values: Cells) -> Cells:
            text = compact(values)
            numbers = _NUMBERED[text.data]
            found = numbers != OTHER
            runs = Runs.of(text, found)
            if self.keep:
                runs = runs.without(self.keep)
            _refuse(text, runs)
            strings.replace(numbers, runs)
            text.data[found] = numbers[found] + np.uint8(DIGITS[0])
            return text

        return replace


def text_only(column: Column, *, hint: str) -> str | None:
    """Return why a mask of text cannot serve *column*."""
    if column.kind in (Kind.TEXT, Kind.OTHER):
        return None
    return f"values of {column.kind.value} are no text; {hint}"


def foreign_digits(values: Cells) -> NDArray[np.bool_]:
    """Return which of *values* hold digits of another script, or are no text at all."""
    found = np.zeros(len(values), bool)
    if not (values.data >= _ASCII).any():
        return found
    for place, value in enumerate(values.to_list()):
        if not value.isascii():
            text = value.decode("utf-8", "replace")
            found[place] = "\ufffd" in text or any(
                each.isnumeric() for each in text if not each.isascii()
            )
    return found


def _refuse(values: Cells, runs: Runs) -> None:
    """Refuse *values* of which something would be left that tells what they are."""
    hint = "use mask.text() or another mask for this column, or mend the value"
    said = np.zeros(len(values), bool)
    bare = np.flatnonzero((runs.counts == 0) & (values.lengths > 0))
    for place, value in zip(bare.tolist(), values.take(bare).to_list(), strict=True):
        said[place] = not value.isascii() or _LETTERS[np.frombuffer(value, np.uint8)].any()
    refuse(said, "digits to replace", hint=hint)
    refuse(foreign_digits(values), "digits from 0 to 9", hint=hint)
