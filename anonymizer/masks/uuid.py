"""Replace UUIDs: a keyed permutation of their 122 bits that say neither version nor variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.hexadecimal import put_digits
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import OTHER, Runs, any_in, compact, numbered
from anonymizer.permutation import WordPermutation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Cells
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_NUMBERED = numbered(b"0123456789abcdef", b"0123456789ABCDEF")
_BESIDE = numbered(b"-{} ") != OTHER
_DIGITS, _BYTES = 32, 16
_HALVES = (1 << 32, 1 << 28), (1 << 32, 1 << 30)
_KINDS = (Kind.UUID, Kind.TEXT, Kind.BINARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uuid(Alone):
    """Permute UUIDs, in text or as 16 bytes; version, variant, hyphens and case stay.

    Distinct ones stay so; one that is written in two ways may become one value.
    """

    name: ClassVar[str] = "uuid"

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: its values are no UUIDs."""
        if column.kind not in _KINDS:
            return f"values of {column.kind.value} are no UUIDs"
        least = _BYTES if column.kind is Kind.BINARY else _DIGITS
        if column.length is not None and column.length < least:
            return f"{column.length} are too few for a UUID, which takes {least}"
        return None

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the values of one column."""
        permutation = WordPermutation(setting.key, *_HALVES)
        replace_all = _of_bytes if setting.column.kind is Kind.BINARY else _of_text

        def replace(values: Cells) -> Cells:
            return replace_all(compact(values), permutation)

        return replace


def _of_text(text: Cells, permutation: WordPermutation) -> Cells:
    numbers = _NUMBERED[text.data]
    found = numbers != OTHER
    runs = Runs.of(text, found)
    odd = any_in(text, ~found & ~_BESIDE[text.data])
    odd |= (runs.counts != _DIGITS) & (text.lengths > 0)
    refuse(odd, "UUIDs of 32 hexadecimal digits", hint="use mask.token() or mask.text()")
    digits = numbers[runs.places].reshape(-1, _DIGITS)
    masked = _masked((digits[:, 0::2] << np.uint8(4)) | digits[:, 1::2], permutation)
    digits[:, 0::2], digits[:, 1::2] = masked >> 4, masked & 0x0F
    numbers[runs.places] = digits.reshape(-1)
    put_digits(text, numbers)
    return text


def _of_bytes(text: Cells, permutation: WordPermutation) -> Cells:
    odd = (text.lengths != _BYTES) & (text.lengths > 0)
    refuse(odd, "UUIDs of 16 bytes", hint="use mask.hexadecimal()")
    text.data[:] = _masked(text.data.reshape(-1, _BYTES), permutation).reshape(-1)
    return text


def _masked(each: Bytes, permutation: WordPermutation) -> Bytes:
    """Return what the rows of 16 bytes become."""
    words = np.ascontiguousarray(each).view(">u4").astype(np.uint64)
    first, second, third, fourth = words.T
    version, variant = second & np.uint64(0xF000), third & np.uint64(0xC0000000)
    time = (second >> np.uint64(16) << np.uint64(12)) | (second & np.uint64(0x0FFF))
    columns = [first, time, fourth, third & np.uint64(0x3FFFFFFF)]
    first, time, fourth, third = permutation.forward(columns)
    second = (time >> np.uint64(12) << np.uint64(16)) | version | (time & np.uint64(0x0FFF))
    found: NDArray[np.uint32] = np.stack([first, second, third | variant, fourth], axis=1)
    return found.astype(">u4").view(np.uint8)
