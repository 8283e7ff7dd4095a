"""Replace hexadecimal digits: a keyed permutation for each number of them."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.digits import text_only
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import OTHER, Runs, Strings, any_in, compact, numbered

if TYPE_CHECKING:
    from anonymizer.cells import Bytes, Cells
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_LOWER, _UPPER = b"0123456789abcdef", b"0123456789ABCDEF"
_NUMBERED = numbered(_LOWER, _UPPER)
_DECIMAL = 10
_BYTES = 256
_BESIDE = numbered(string.punctuation.encode() + b" ") != OTHER
"""What may stand beside the digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hexadecimal(Alone):
    """Permute hexadecimal digits, of upper case where all letters are; of BINARY the bytes.

    Punctuation, spaces and a 0x at the front stay. Distinct numbers stay so; one number that is
    written in both cases may become one value.
    """

    name: ClassVar[str] = "hexadecimal"

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: it is neither text nor bytes."""
        if column.kind is Kind.BINARY:
            return None
        return text_only(column, hint="mask.integer() is for numbers")

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the values of one column."""
        if setting.column.kind is Kind.BINARY:
            return _of_bytes(setting.key)
        strings = Strings(setting.key, len(_LOWER))

        def replace(values: Cells) -> Cells:
            text = compact(values)
            numbers = digits_of(text)
            strings.replace(numbers, Runs.of(text, numbers != OTHER))
            put_digits(text, numbers)
            return text

        return replace


def digits_of(text: Cells) -> Bytes:
    """Return the number of each hexadecimal digit of *text*, OTHER of what stays.

    Raises LeakError for letters that are none, but for a 0x at the front.
    """
    numbers = _NUMBERED[text.data]
    heads = text.heads(2)
    marked = (heads[:, 0] == ord("0")) & ((heads[:, 1] | 0x20) == ord("x"))
    numbers[text.starts[marked]] = OTHER
    odd = (numbers == OTHER) & ~_BESIDE[text.data]
    odd[text.starts[marked]] = odd[text.starts[marked] + 1] = False
    refuse(any_in(text, odd), "hexadecimal digits", hint="use mask.token() or mask.text()")
    return numbers


def put_digits(text: Cells, numbers: Bytes) -> None:
    """Write the digits that *numbers* has into *text*, in the case that each value had."""
    letters = (numbers != OTHER) & (text.data > ord("9"))
    upper = any_in(text, letters & (text.data < ord("a")))
    if upper.any():
        upper &= ~any_in(text, letters & (text.data >= ord("a")))
    found = numbers != OTHER
    new = np.frombuffer(_LOWER, np.uint8)[numbers[found]]
    if upper.any():
        raised = np.repeat(upper, text.lengths)[found]
        new = np.where(raised, np.frombuffer(_UPPER, np.uint8)[numbers[found]], new)
    text.data[found] = new


def _of_bytes(key: bytes) -> Function:
    """Return what permutes byte strings of one length."""
    strings = Strings(key, _BYTES)

    def replace(values: Cells) -> Cells:
        text = compact(values)
        strings.replace(text.data, Runs.of(text, np.ones(text.data.size, bool)))
        return text

    return replace
