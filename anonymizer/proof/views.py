"""Views: what a text says in another writing – escaped, percent-encoded, in hex or base64."""

from __future__ import annotations

import base64
import binascii
import html
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

import numpy as np

from anonymizer.cells import Cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.proof.squeeze import Squeezed

RADIUS = 2048
"""Bytes before and after an escape that are read with it."""
DEPTH = 3
"""How often escapes within escapes are taken out."""
RUN = 16
"""Letters and digits in a row from which something may be encoded."""
_ESCAPES = rb"\%&"
_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|(.))", re.DOTALL)
_BLANK = frozenset(b"bfnrtvNZ0")
_HEX = re.compile(rb"(?:0?x)?([0-9A-Fa-f]+)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+")
_STANDARD = bytes.maketrans(b"-_", b"+/")


class View(NamedTuple):
    """What a part of a cell says."""

    cell: int
    place: int
    """Where the part begins in the cells, one after the other."""
    text: bytes


def escaped(data: bytes, bounds: Places) -> Iterator[View]:
    """Yield what stands around the escapes of the cells between *bounds*, without them."""
    if not any(bytes([each]) in data for each in _ESCAPES):
        return
    text = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(np.logical_or.reduce([text == each for each in _ESCAPES]))
    cells = np.searchsorted(bounds, at, "right") - 1
    starts = np.maximum(bounds[cells], at - RADIUS)
    ends = np.minimum(bounds[cells + 1], at + RADIUS)
    apart = np.ones(len(at), np.bool_)
    apart[1:] = (cells[1:] != cells[:-1]) | (starts[1:] > ends[:-1])
    last = np.append(apart[1:], np.ones(1, np.bool_))
    windows = zip(cells[apart].tolist(), starts[apart].tolist(), ends[last].tolist(), strict=True)
    for cell, start, end in windows:
        written = data[start:end]
        said = unescaped(written)
        if said != written:
            yield View(cell, start, said)


def unescaped(text: bytes) -> bytes:
    """Return *text* without escapes of JSON, SQL, COPY, URLs and HTML, however deep."""
    for _ in range(DEPTH):
        found = _ESCAPE.sub(_meant, text) if b"\\" in text else text
        found = unquote_to_bytes(found) if b"%" in found else found
        if b"&" in found:
            said = html.unescape(found.decode("utf-8", "surrogateescape"))
            found = said.encode("utf-8", "surrogatepass")
        if found == text:
            break
        text = found
    return text


def _meant(escape: re.Match[bytes]) -> bytes:
    point, byte, octal, letter = escape.groups()
    if point:
        return chr(int(point, 16)).encode("utf-8", "surrogatepass")
    if byte or octal:
        return bytes([int(byte, 16) if byte else int(octal, 8)])
    return b" " if letter[0] in _BLANK else letter


def encoded(data: bytes, bounds: Places, squeezed: Squeezed) -> Iterator[View]:
    """Yield what hex and base64 say in the cells, where it begins like a text."""
    lengths = np.diff(np.append(squeezed.heads, squeezed.ends[-1:]))
    places = squeezed.origins[lengths >= RUN]
    if not len(places):
        return
    text = np.frombuffer(data, np.uint8)
    for find, read in ((_begins_hex, _hex), (_begins_base64, _base64)):
        for place in places[find(text, places)].tolist():
            cell = int(np.searchsorted(bounds, place, "right")) - 1
            said = read(data, place, int(bounds[cell + 1]))
            if said:
                yield View(cell, place, said)


def _values(digits: bytes) -> Bytes:
    """Return for each byte its value as a digit, 255 for none."""
    table = np.full(256, 255, np.uint8)
    table[np.frombuffer(digits, np.uint8)] = np.arange(len(digits))
    return table


_HEX_VALUES = _values(b"0123456789abcdef")
_HEX_VALUES[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)
_BASE64_VALUES = _values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE64_VALUES[np.frombuffer(b"-_", np.uint8)] = (62, 63)


def _begins_hex(text: Bytes, places: Places) -> Places:
    """Return which of *places* begin with hexadecimal digits that write plain text."""
    heads = _heads(text, places)
    marked = (heads[:, 1] == ord("x")) & (heads[:, 0] == ord("0"))
    places = places + 2 * marked + ((heads[:, 0] == ord("x")) & ~marked)
    values = _HEX_VALUES[_heads(text, places)[:, :14]]
    said = (values[:, 0::2] << 4 | values[:, 1::2]).astype(np.uint8)
    return np.flatnonzero((values < 16).all(1) & _are_texts(said))  # noqa: PLR2004


def _begins_base64(text: Bytes, places: Places) -> Places:
    """Return which of *places* begin with base64 that writes a text."""
    values = _BASE64_VALUES[_heads(text, places)]
    a, b, c, d = (values[:, each::4] for each in range(4))
    said = np.stack([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d], axis=2).reshape(len(values), 12)
    return np.flatnonzero((values < 64).all(1) & _are_texts(said))  # noqa: PLR2004


def _heads(text: Bytes, places: Places) -> Bytes:
    return Cells(data=text, starts=places, ends=np.minimum(places + RUN, text.size)).heads(RUN)


def _are_texts(said: Bytes) -> NDArray[np.bool_]:
    """Return which rows of *said* are printed ASCII and regular UTF-8, or the beginning of it."""
    plain = (said >= 0x20) & (said < 0x7F)  # noqa: PLR2004
    plain |= (said == ord("\n")) | (said == ord("\r"))
    due = np.zeros(said.shape, np.bool_)
    for size, low in ((2, 0xC2), (3, 0xE0), (4, 0xF0)):
        leads = (said >= low) & (said <= 0xF4)  # noqa: PLR2004
        due[:, size - 1 :] |= leads[:, : 1 - size]
    following = (said & 0xC0) == 0x80  # noqa: PLR2004
    leads = (said >= 0xC2) & (said <= 0xF4)  # noqa: PLR2004
    found: NDArray[np.bool_] = ((following == due) & (plain | leads | following)).all(1)
    return found


def _hex(data: bytes, place: int, end: int) -> bytes:
    found = _HEX.match(data, place, end)
    digits = found[1] if found else b""
    return binascii.unhexlify(digits[: len(digits) // 2 * 2])


def _base64(data: bytes, place: int, end: int) -> bytes:
    found = _BASE64.match(data, place, end)
    letters = (found[0] if found else b"").translate(_STANDARD)
    whole = len(letters) % 4 != 1
    letters = letters if whole else letters[:-1]
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))
