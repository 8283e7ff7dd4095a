"""Replace every value by one that is said."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import numpy as np
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.base import Distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_TRUTHS = {b"t": (b"f", b"t"), b"f": (b"f", b"t"), b"true": (b"false", b"true")}
_TRUTHS |= {b"false": (b"false", b"true"), b"1": (b"0", b"1"), b"0": (b"0", b"1")}
"""How a container writes false and true that writes either of them so."""


def text_of(value: Any) -> bytes:
    """Return how a dump writes *value*."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, datetime):
        return value.isoformat(" ").encode()
    return str(value).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Alone):
    """Put *value* in the place of all."""

    name: ClassVar[str] = "constant"

    value: Any

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: the column cannot hold *value* in every row."""
        if self.value is None:
            return "the constant is None: use mask.null()"
        if column.unique:
            return "no two rows may have the same value"
        return _misfit(self.value, column)

    @override
    def distinct(self, column: Column) -> Distinct:
        """Return that all values become one."""
        del column
        return Distinct.LOST

    @override
    def function(self, setting: Setting) -> Function:
        """Return what puts the value in the place of all."""
        text = text_of(self.value)
        boolean = setting.column.kind is Kind.BOOLEAN

        def replace(values: Cells) -> Cells:
            written = _truth(text, values) if boolean else text
            places = np.zeros(len(values), np.int64)
            data = np.frombuffer(written, np.uint8)
            return Cells(data=data, starts=places, ends=places + len(written))

        return replace


def _truth(text: bytes, values: Cells) -> bytes:
    """Return *text*, true or false, as the first of *values* is written."""
    first = values.take(np.arange(min(len(values), 1))).to_list()
    known = _TRUTHS.get(first[0].lower()) if first else None
    return known[_boolean(text)] if known else text


def _boolean(text: bytes) -> bool:
    lowered = text.lower()
    if lowered not in _TRUTHS:
        raise ValueError("no truth value")
    return lowered in (b"t", b"true", b"1")


def _misfit(value: Any, column: Column) -> str | None:
    """Return why *column* cannot hold *value*."""
    text = text_of(value)
    if column.length is not None and column.kind in (Kind.TEXT, Kind.BINARY):
        size = len(text) if column.kind is Kind.BINARY else len(text.decode("utf-8", "replace"))
        if size > column.length:
            return f"the constant is longer than the {column.length} that the column holds"
    try:
        read = _READ.get(column.kind)
        if read is not None:
            read(text)
    except (ValueError, InvalidOperation):
        return f"the constant is no {column.kind.value}"
    if column.kind is Kind.INTEGER and not _fits(int(text), column.bits or 64):
        return f"the constant does not fit {column.bits or 64} bits"
    return None


def _fits(number: int, bits: int) -> bool:
    return -(1 << bits - 1) <= number < 1 << bits


def _array(text: bytes) -> None:
    if not re.fullmatch(rb"(\[.*\]=)?\{.*\}", text, re.DOTALL):
        raise ValueError("no array")


_READ: Mapping[Kind, Callable[[bytes], object]] = {
    Kind.INTEGER: int,
    Kind.NUMBER: lambda text: Decimal(text.decode()),
    Kind.BOOLEAN: _boolean,
    Kind.DATE: lambda text: date.fromisoformat(text.decode()),
    Kind.DATETIME: lambda text: datetime.fromisoformat(text.decode()),
    Kind.TIME: lambda text: time.fromisoformat(text.decode()),
    Kind.UUID: lambda text: UUID(text.decode()),
    Kind.JSON: json.loads,
    Kind.ARRAY: _array,
}
"""What raises ValueError for a text that is of another kind."""
