"""Values of SQLite, which have their types each for itself, as cells and back."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from anonymizer.cells import Cells
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anonymizer.masker import Nulls

Value: TypeAlias = "int | float | bytes | bytearray | str | None"
"""What is read: TEXT as a bytearray, a BLOB as bytes. What is written: TEXT as a str."""

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def to_cells(values: Sequence[Value]) -> tuple[Cells, Nulls]:
    """Return *values* as text, those that are NULL empty, and which are."""
    types = set(map(type, values))
    if types <= {bytearray, bytes}:
        return Cells.of(values), np.zeros(len(values), np.bool_)  # type: ignore[arg-type]
    nulls = np.fromiter((each is None for each in values), np.bool_, len(values))
    if types <= {bytearray, bytes, type(None)}:
        return Cells.of(each or b"" for each in values), nulls  # type: ignore[misc]
    return Cells.of(map(_text, values)), nulls


def from_cells(cells: Cells, originals: Sequence[Value], column: str) -> list[Value]:
    """Return *cells* as values of the storage class that *originals* have; NULL stays NULL.

    A number that became something else is written as the number or the text that it is.
    Raises DumpError for a text that is not UTF-8.
    """
    types = set(map(type, originals))
    try:
        if types == {bytearray}:
            return _texts(cells)
        if types == {bytearray, type(None)}:
            texts = zip(_texts(cells), originals, strict=True)
            return [None if original is None else text for text, original in texts]
        new = cells.to_list()
        if types == {int}:
            return list(map(_integer, new))
        pairs = zip(new, originals, strict=True)
        return [_WRITTEN[type(original)](each) for each, original in pairs]
    except (UnicodeDecodeError, pa.ArrowInvalid):
        raise DumpError(
            f"column {column}: a masked text that is not UTF-8",
            hint="choose a mask that keeps nothing of the value",
        ) from None


def _text(value: Value) -> bytes:
    if isinstance(value, bytearray | bytes):
        return bytes(value)
    return b"" if value is None else repr(value).encode()


def _texts(cells: Cells) -> list[Value]:
    """Return *cells* as texts, all at once."""
    texts: list[Value] = cells.to_arrow().cast(pa.large_string()).to_pylist()
    return texts


def _integer(text: bytes) -> Value:
    try:
        number = int(text)
    except ValueError:
        return _real(text)
    return number if _LEAST <= number <= _MOST and b"_" not in text else text.decode()


def _real(text: bytes) -> Value:
    try:
        number = float(text)
    except ValueError:
        return text.decode()
    # SQLite has no NaN: it would become NULL.
    return text.decode() if isnan(number) or b"_" in text else number


def _nothing(_text: bytes) -> Value:
    return None


def _blob(text: bytes) -> Value:
    return text


_WRITTEN: dict[type, Callable[[bytes], Value]] = {
    bytearray: bytes.decode,
    bytes: _blob,
    int: _integer,
    float: _real,
    type(None): _nothing,
}
"""Type of what was read → what makes a value of that storage class."""
