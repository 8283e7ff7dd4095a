"""Character sets of MySQL: which of them text is read in, and its way to UTF-8 and back."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from anonymizer.cells import Cells, Places

UTF8 = ("utf8mb4", "utf8mb3", "utf8")
LATIN1 = "latin1"
"""cp1252; the five bytes that are nothing there are control characters here."""

_MEANT = "".join(
    bytes([byte]).decode("cp1252", "ignore") or bytes([byte]).decode("latin-1")
    for byte in range(256)
)
_WRITTEN = codecs.charmap_build(_MEANT)
_ASCII, _FOUR_BYTES = 0x80, 0xF0
"""Bytes that begin what is more than ASCII, and what is more than utf8mb3."""
_HINT = "dump with --default-character-set=utf8mb4 --set-charset"


def is_known(name: str | None) -> bool:
    """Return whether text in the character set *name* can be read; ASCII can where none is."""
    return name in (*UTF8, LATIN1, None)


def to_utf8(values: Cells, name: str | None) -> Cells:
    """Return *values*, which are in the character set *name*, in UTF-8."""
    if name in UTF8:
        return values
    which = _from(values, _ASCII)
    if not len(which):
        return values
    if name is None:
        raise _untold()
    texts = values.take(which).to_list()
    read = [codecs.charmap_decode(each, "strict", _MEANT)[0].encode() for each in texts]
    return values.replaced(which, read)


def from_utf8(values: Cells, name: str | None) -> Cells:
    """Return *values*, which are UTF-8, in the character set *name*."""
    if name == UTF8[0]:
        return values
    which = _from(values, _FOUR_BYTES if name in UTF8 else _ASCII)
    if not len(which):
        return values
    if name is None:
        raise _untold()
    if name in UTF8:
        raise _lacking(name)
    return values.replaced(which, [_latin1(each) for each in values.take(which).to_list()])


def _untold() -> DumpError:
    return DumpError("text that is more than ASCII, and nothing says its character set", hint=_HINT)


def _lacking(name: str) -> DumpError:
    message = f"a value with a character that the dump's character set, {name}, does not have"
    return DumpError(message, hint=_HINT)


def _latin1(value: bytes) -> bytes:
    try:
        return codecs.charmap_encode(value.decode(), "strict", _WRITTEN)[0]
    except UnicodeError:
        raise _lacking(LATIN1) from None


def _from(values: Cells, byte: int) -> Places:
    """Return the places of the values with a byte that is *byte* or more."""
    at = np.flatnonzero(values.data >= byte)
    if not len(at):
        return at
    return np.flatnonzero(np.searchsorted(at, values.ends) > np.searchsorted(at, values.starts))
