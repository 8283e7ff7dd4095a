"""Fingerprints: 64 keyed bits for what is in some columns of a row, however it is written.

Two values that a database takes for equal have one fingerprint: 007 and 7, 1.50 and 1.5, a
UUID with and without hyphens; and where it compares text without regard to case, accents and
spaces at the end, as MySQL does by default, such text too.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymizer.column import Table
    from anonymizer.scale.part import Part, Words

ABSENT = np.uint64(0)
"""The fingerprint of columns of which one is NULL: they refer to nothing."""
_UUID_HYPHENS = (8, 13, 18, 23)
_UUID_DIGITS = np.array([at for at in range(36) if at not in _UUID_HYPHENS])
_LOWER = np.arange(256, dtype=np.uint8)
_LOWER[ord("A") : ord("Z") + 1] += 32


class Fingerprints:
    """Makes fingerprints by a key of 32 bytes; *fold* is whether text is compared loosely."""

    def __init__(self, key: bytes, *, fold: bool = False) -> None:
        self._prf = Prf(key)
        self._fold = fold

    def of(self, part: Part, table: Table, columns: Sequence[str]) -> Words:
        """Return the fingerprint of *columns* in each row, ABSENT where one of them is NULL."""
        found = self.of_rows(part, table, columns)
        np.maximum(found, np.uint64(1), out=found)
        found[~part.full(columns)] = ABSENT
        return found

    def of_rows(self, part: Part, table: Table, columns: Sequence[str]) -> Words:
        """Return the fingerprint of *columns* in each row, where NULL is a value like others."""
        words = np.zeros((part.count, len(columns)), np.uint64)
        for place, name in enumerate(columns):
            column = table.column(name)
            assert column is not None  # noqa: S101 - keys and references are of columns
            rows, values = part.there(name)
            words[rows, place] = self._prf.words(self._same(values, column.kind))[:, 0]
        if len(columns) == 1:
            return words.reshape(-1)
        joined = Cells.of_matrix(
            words.view(np.uint8).reshape(part.count, words.itemsize * len(columns))
        )
        return self._prf.words(joined)[:, 0].copy()

    def _same(self, values: Cells, kind: Kind) -> Cells:
        """Return *values* in the one way to write them."""
        if kind is Kind.INTEGER:
            return _without_zeros(values)
        if kind is Kind.NUMBER:
            return _shortest(values)
        if kind is Kind.UUID:
            return _digits_of_uuids(values)
        return _folded(values) if self._fold and kind is Kind.TEXT else values


def _without_zeros(values: Cells) -> Cells:
    heads = values.heads(1).reshape(-1)
    odd = np.flatnonzero((heads == ord("0")) & (values.lengths > 1))
    if not len(odd):
        return values
    return values.replaced(odd, [each.lstrip(b"0") or b"0" for each in values.take(odd).to_list()])


def _shortest(values: Cells) -> Cells:
    pointed = values.containing(ord("."))
    short = [each.rstrip(b"0").rstrip(b".") for each in values.take(pointed).to_list()]
    return _without_zeros(values.replaced(pointed, short) if len(pointed) else values)


def _digits_of_uuids(values: Cells) -> Cells:
    lengths = values.lengths
    if (lengths == 36).all():  # noqa: PLR2004 - with hyphens
        return Cells.of_matrix(_LOWER[values.heads(36)[:, _UUID_DIGITS]])
    return Cells.of(each.replace(b"-", b"").lower() for each in values.to_list())


def _folded(values: Cells) -> Cells:
    """Return *values* without capitals, accents, and spaces at the end."""
    ends = values.ends.copy()
    while True:
        last = values.data[np.maximum(ends - 1, 0)] if values.data.size else ends
        spaced = (ends > values.starts) & (last == ord(" "))
        if not spaced.any():
            break
        ends[spaced] -= 1
    lower = Cells(data=_LOWER[values.data], starts=values.starts, ends=ends)
    at = np.flatnonzero(values.data >= 128)  # noqa: PLR2004 - beyond ASCII
    beyond = np.searchsorted(at, ends) > np.searchsorted(at, values.starts)
    if not beyond.any():
        return lower
    rows = np.flatnonzero(beyond)
    return lower.replaced(rows, [_plain(each) for each in lower.take(rows).to_list()])


def _plain(value: bytes) -> bytes:
    text = unicodedata.normalize("NFKD", value.decode("utf-8", "surrogateescape")).casefold()
    bare = "".join(each for each in text if not unicodedata.combining(each))
    return bare.encode("utf-8", "surrogateescape")
