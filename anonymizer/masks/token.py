"""Replace tokens, passwords' hashes, codes: a keyed permutation of strings over an alphabet."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.masks.alone import Alone
from anonymizer.masks.digits import text_only
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import OTHER, Runs, Strings, any_in, compact, numbered

if TYPE_CHECKING:
    from anonymizer.cells import Cells
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

ALPHABET = string.ascii_letters + string.digits
_BESIDE = string.punctuation + " "


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Alone):
    """Permute the characters of *alphabet* in a value; punctuation and spaces stay, no others."""

    name: ClassVar[str] = "token"

    alphabet: str = ALPHABET

    def __post_init__(self) -> None:
        if not self.alphabet.isascii() or not self.alphabet.isprintable():
            raise ValueError("the alphabet has other characters than printable ones of ASCII")
        if len(set(self.alphabet)) < max(len(self.alphabet), 2):
            raise ValueError("the alphabet needs two characters or more, each of them once")

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: it is no text."""
        return text_only(column, hint="mask.hexadecimal() is for bytes, mask.integer() for numbers")

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the values of one column."""
        strings = Strings(setting.key, len(self.alphabet))
        letters = np.frombuffer(self.alphabet.encode(), np.uint8)
        table = numbered(self.alphabet.encode())
        beside = numbered(_BESIDE.encode()) != OTHER

        def replace(values: Cells) -> Cells:
            text = compact(values)
            numbers = table[text.data]
            found = numbers != OTHER
            odd = any_in(text, ~found & ~beside[text.data])
            refuse(odd, "characters of the alphabet", hint="use mask.text(), or say alphabet=…")
            runs = Runs.of(text, found)
            strings.replace(numbers, runs)
            text.data[found] = letters[numbers[found]]
            return text

        return replace
