"""Rules: how a value of a key, and what refers to it, becomes another in each copy.

Every rule leaves copy 0 as it is, and values that are distinct, of one copy or of several, stay
distinct: `shift` and `digits` for certain, `uuid`, `suffix` and `mask` but for a collision of
35 random bits, or of many more.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anonymizer.cells import Cells
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes
    from anonymizer.key import Key

RULES = ("shift", "uuid", "suffix", "digits", "mask")
"""What a user may say of a column."""
SUFFIX = 8
"""Characters that a suffix adds."""
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_HEX_UPPER = np.frombuffer(b"0123456789ABCDEF", np.uint8)
_TEXT, _BARE, _BINARY = 36, 32, 16
"""Lengths of a UUID: with hyphens, without, and as the bytes themselves."""
_FORMS = (_TEXT, _BARE, _BINARY)
_LAST = {_TEXT: np.array([*range(19, 23), *range(24, 36)]), _BARE: np.arange(16, 32)}
"""Where the last sixteen digits are."""
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far the values of a column go: the least and most number, and the longest text."""

    least: int | None = None
    most: int | None = None
    shortest: int | None = None
    longest: int = 0

    def __or__(self, other: Extent) -> Extent:
        leasts = [each.least for each in (self, other) if each.least is not None]
        mosts = [each.most for each in (self, other) if each.most is not None]
        shorts = [each.shortest for each in (self, other) if each.shortest is not None]
        return Extent(
            least=min(leasts, default=None),
            most=max(mosts, default=None),
            shortest=min(shorts, default=None),
            longest=max(self.longest, other.longest),
        )

    @property
    def stride(self) -> int:
        """How far each copy is from the one before, so that no two meet."""
        if self.least is None or self.most is None:
            return 1
        return self.most - self.least + 1


def extent_of(rule: str, values: Cells) -> Extent:
    """Return what *rule* has to know of *values*, none of them NULL."""
    if not len(values) or rule in {"uuid", "mask"}:
        return Extent()
    if rule == "suffix":
        lengths = characters(values)
        return Extent(shortest=int(lengths.min()), longest=int(lengths.max()))
    numbers, lengths = numbers_of(values), values.lengths
    return Extent(
        least=int(numbers.min()) if rule == "shift" else 0,
        most=int(numbers.max()),
        shortest=int(lengths.min()),
        longest=int(lengths.max()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekey:
    """What makes the values of a column those of one copy."""

    rule: str
    key: Key
    copy: int
    """Counted from 0 for the original."""
    extent: Extent
    binary: bool = False
    """Whether values are bytes, and no text."""
    strict: bool = True
    """Whether each value is of a key. In a column that refers, by a foreign key or without one,
    a value that no key can have stays as it is: it refers to nothing."""

    def __call__(self, values: Cells) -> Cells:
        """Return what *values*, none of them NULL, are in the copy."""
        if self.copy == 0 or self.rule == "mask" or not len(values):
            return values
        if self.rule == "suffix":
            return _suffixed(values, suffix(self.key, self.copy))
        if self.rule == "uuid":
            return self._flipped(values)
        return self._shifted(values)

    def _shifted(self, values: Cells) -> Cells:
        numbers = numbers_of(values)
        least, most = self.extent.least or 0, self.extent.most or 0
        inside = (numbers >= least) & (numbers <= most)
        if self.strict and not inside.all():
            raise DumpError(
                "a key was not there when the keys were read first",
                hint="let both readings be of the same data",
            )
        moved = numbers + np.int64(self.copy * self.extent.stride)
        written = _text_of(np.where(inside, moved, numbers))
        return written if self.rule == "shift" else _filled(written, values.lengths)

    def _flipped(self, values: Cells) -> Cells:
        uuids = _are_uuids(values, binary=self.binary)
        if uuids.all():
            return _flipped(values, _constant(self.key, self.copy))
        if self.strict:
            raise DumpError(
                "a value is not a UUID", hint="say another rule for the column: suffix or mask"
            )
        rows = [np.flatnonzero(uuids), np.flatnonzero(~uuids)]
        flipped = _flipped(values.take(rows[0]), _constant(self.key, self.copy))
        return _merged([flipped, values.take(rows[1])], rows, len(values))


def mask_key(key: bytes, copy: int) -> bytes:
    """Return the key to bind a mask with in *copy*, where its own is *key*: rule `mask`."""
    return hmac.digest(key, f"copy {copy}".encode(), hashlib.sha256) if copy else key


def suffix(key: Key, copy: int) -> bytes:
    """Return what *copy* appends: a hyphen and seven letters or digits, 35 bits of the key."""
    chosen = np.frombuffer(key.derive(f"scale suffix {copy}"), np.uint8)[: SUFFIX - 1] & 31
    letters: bytes = _ALPHABET[chosen].tobytes()
    return b"-" + letters


def characters(values: Cells) -> NDArray[np.int64]:
    """Return how many characters of UTF-8 each of *values* has."""
    inner = np.zeros(values.data.size + 1, np.int64)
    np.cumsum((values.data & 0xC0) == 0x80, out=inner[1:])  # noqa: PLR2004 - not the first byte
    return values.lengths - (inner[values.ends] - inner[values.starts])


def numbers_of(values: Cells) -> NDArray[np.int64]:
    """Return *values* as numbers; raises DumpError for what is none of 64 signed bits."""
    try:
        text = values.to_arrow().cast(pa.large_utf8())
        return np.asarray(pc.cast(text, pa.int64()))
    except pa.ArrowInvalid:
        # Its text has the value in it.
        raise DumpError(
            "a key is not a whole number of 64 bits",
            hint="say another rule for the column, or let its table stay as it is",
        ) from None


def _text_of(numbers: NDArray[np.int64]) -> Cells:
    return Cells.of_arrow(pc.cast(pa.array(numbers), pa.large_utf8()).cast(pa.large_binary()))


def _filled(values: Cells, widths: NDArray[np.int64]) -> Cells:
    """Return *values* of digits with zeros before them, *widths* long."""
    width = int(widths.max())
    matrix = np.full((len(values), width), ord("0"), np.uint8)
    lengths = values.lengths
    for length in np.unique(lengths):
        rows = lengths == length
        matrix[rows, width - length :] = values.take(rows).heads(int(length))
    return Cells.of_matrix(matrix)


def _suffixed(values: Cells, added: bytes) -> Cells:
    parts = [
        values.to_arrow(),
        pa.scalar(added, pa.large_binary()),
        pa.scalar(b"", pa.large_binary()),
    ]
    return Cells.of_arrow(pc.binary_join_element_wise(*parts))


def _constant(key: Key, copy: int) -> Bytes:
    """Return eight bytes to flip bits with: 62 of the key, the two of the variant are let alone."""
    number = int.from_bytes(key.derive(f"scale flip {copy}")[:8]) & ((1 << 62) - 1)
    return np.frombuffer((number or 1).to_bytes(8), np.uint8)


def _are_uuids(values: Cells, *, binary: bool) -> NDArray[np.bool_]:
    """Return which of *values* are of one of the forms of a UUID."""
    lengths = values.lengths
    found: NDArray[np.bool_] = (lengths == _BINARY) & binary
    for length, digits in _LAST.items():
        rows = np.flatnonzero(lengths == length)
        lower = values.take(rows).heads(length)[:, digits] | np.uint8(0x20)
        found[rows] = np.isin(lower, _HEX).all(axis=1)
    return found


def _flipped(values: Cells, constant: Bytes) -> Cells:
    """Return UUIDs with bits of their last eight bytes flipped: time and version stay in front."""
    found, lengths = [], values.lengths
    rows = [np.flatnonzero(lengths == length) for length in _FORMS]
    for which, length in zip(rows, _FORMS, strict=True):
        matrix = values.take(which).heads(length)
        if length == _BINARY:
            matrix[:, 8:] ^= constant
        elif len(which):
            matrix[:, _LAST[length]] = _flipped_digits(matrix[:, _LAST[length]], constant)
        found.append(Cells.of_matrix(matrix))
    return found[0] if len(rows[0]) == len(values) else _merged(found, rows, len(values))


def _flipped_digits(digits: Bytes, constant: Bytes) -> Bytes:
    """Return hexadecimal *digits*, sixteen a row, with bits flipped; capitals stay capitals."""
    lower = digits | np.uint8(0x20)
    letters: NDArray[np.bool_] = np.greater_equal(lower, ord("a"))
    nibbles = np.where(letters, lower - (ord("a") - 10), lower - ord("0")).astype(np.uint8)
    halves = np.stack([constant >> 4, constant & 15], axis=1).reshape(-1)
    flipped = _HEX[nibbles ^ halves]
    capital = (letters & (digits != lower)).any(axis=1)
    found: Bytes = np.where(capital[:, None], _HEX_UPPER[nibbles ^ halves], flipped)
    return found


def _merged(parts: list[Cells], rows: list[NDArray[np.int64]], count: int) -> Cells:
    """Return *count* values: those of each of *parts* in its *rows*."""
    starts, ends, held = np.zeros(count, np.int64), np.zeros(count, np.int64), 0
    for part, which in zip(parts, rows, strict=True):
        starts[which], ends[which] = part.starts + held, part.ends + held
        held += part.data.size
    return Cells(data=np.concatenate([each.data for each in parts]), starts=starts, ends=ends)
