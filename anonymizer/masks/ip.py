"""Replace IP addresses so that two that share n bits share exactly n bits afterwards."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

import numpy as np
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.numbers import parse
from anonymizer.masks.prefixes import V4, V6, Trees
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import OTHER, Runs, any_in, compact, numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

Flags: TypeAlias = "NDArray[np.bool_]"

_DOT = ord(".")
_OCTETS = 4
_TEXTS = np.array([[*b"%-4d" % each] for each in range(256)], np.uint8)
_WIDTHS = np.array([len(str(each)) for each in range(256)], np.int64)
_WITH_MASK = re.compile(rb"([0-9A-Fa-f:.]+)((?:%[\w.-]+)?)((?:/(?:0|[1-9]\d{0,2}))?)", re.ASCII)
_DRESSED = re.compile(rb"[A-F/%]")
_SPECIAL = numbered(b":/%") != OTHER
_KINDS = (Kind.TEXT, Kind.OTHER, Kind.BINARY)
_HINT = "use mask.text() or mask.token() for this column, or mend the value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ip(Alone):
    """Replace addresses of both versions; what they share they share afterwards.

    *keep_prefix* keeps so many of the first bits. A mask stays, bits to its right that are 0
    stay 0, and ::ffff:192.0.2.1 becomes what 192.0.2.1 does. Distinct addresses stay so; one that
    is written in two ways may become one value.
    """

    name: ClassVar[str] = "ip"

    keep_prefix: int | None = None

    def __post_init__(self) -> None:
        if self.keep_prefix is not None and not 0 <= self.keep_prefix < V6:
            raise ValueError(f"keep_prefix is {self.keep_prefix}, expected 0 to {V6 - 1}")

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: its values are no addresses."""
        if column.kind in _KINDS:
            return None
        return f"values of {column.kind.value} are no IP addresses"

    @override
    def function(self, setting: Setting) -> Function:
        """Return what replaces the addresses of one column."""
        trees = Trees(setting.key, self.keep_prefix or 0)
        replace_all = _of_bytes if setting.column.kind is Kind.BINARY else _of_text

        def replace(values: Cells) -> Cells:
            return replace_all(compact(values), trees)

        return replace


def _of_bytes(text: Cells, trees: Trees) -> Cells:
    sizes = text.lengths
    odd = (sizes != V4 // 8) & (sizes != V6 // 8) & (sizes > 0)
    refuse(odd, "addresses of 4 or 16 bytes", hint=_HINT)
    return Cells.of(trees.of(text.to_list()))


def _of_text(text: Cells, trees: Trees) -> Cells:
    other = np.flatnonzero(any_in(text, _SPECIAL[text.data]))
    if not len(other):
        return _of_dotted(text, trees)
    plain = np.delete(np.arange(len(text)), other)
    texts = np.empty(len(text), object)
    texts[plain] = _of_dotted(text.take(plain), trees, places=plain).to_list()
    texts[other] = _of_others(text.take(other).to_list(), trees, other)
    return Cells.of(texts.tolist())


def _of_dotted(values: Cells, trees: Trees, places: Places | None = None) -> Cells:
    """Return what '192.0.2.1' and its like become, empty values as they are."""
    text = compact(values)
    dots = Runs.of(text, text.data == _DOT)
    empty = text.lengths == 0
    bad = (dots.counts != _OCTETS - 1) & ~empty
    _refuse(bad, places)
    cuts = dots.places.reshape(-1, _OCTETS - 1)
    starts = np.column_stack([text.starts[~empty], cuts + 1])
    ends = np.column_stack([cuts, text.ends[~empty]])
    octets = parse(Cells(data=text.data, starts=starts.reshape(-1), ends=ends.reshape(-1)))
    wrong = ~octets.valid | octets.negative | (octets.size >= len(_TEXTS))
    bad[~empty] = wrong.reshape(-1, _OCTETS).any(axis=1)
    _refuse(bad, places)
    new = _dotted(trees.short(octets.size.astype(np.uint8).reshape(-1, _OCTETS)))
    if not empty.any():
        return new
    bounds = np.zeros((2, len(values)), np.int64)
    bounds[0, ~empty], bounds[1, ~empty] = new.starts, new.ends
    return Cells(data=new.data, starts=bounds[0], ends=bounds[1])


def _dotted(addresses: Bytes) -> Cells:
    """Return the text of *addresses*; each part is written over what is left of the last one."""
    widths = _WIDTHS[addresses]
    text = np.empty((len(addresses), 16), np.uint8)
    flat = text.reshape(-1)
    starts = np.arange(len(addresses), dtype=np.int64) * 16
    at = starts.copy()
    for place in range(_OCTETS):
        octets = _TEXTS[addresses[:, place]]
        for more in range(4):
            flat[at + more] = octets[:, more]
        at += widths[:, place]
        if place < _OCTETS - 1:
            flat[at] = _DOT
            at += 1
    return Cells(data=flat, starts=starts, ends=at)


def _refuse(bad: Flags, places: Places | None) -> None:
    """Refuse addresses that are *bad*, whose numbers among all are *places*."""
    if places is None:
        refuse(bad, "IP addresses", hint=_HINT)
        return
    found = np.zeros(int(places.max(initial=-1)) + 1, bool)
    found[places] = bad
    refuse(found, "IP addresses", hint=_HINT)


def _of_others(texts: list[bytes], trees: Trees, places: Places) -> list[bytes]:
    """Return what addresses with colons, masks or zones become."""
    plain = _of_plain(texts, trees)
    if plain is not None:
        return plain
    parsed = [_parsed(each) for each in texts]
    _refuse(np.array([each is None for each in parsed]), places)
    known = [each for each in parsed if each is not None]
    new = trees.of([each.address for each in known])
    again = [
        place
        for place, each in enumerate(known)
        if each.host(each.address) and not each.host(new[place])
    ]
    # Only what had no host part has none afterwards: another takes what that one would have.
    for place, each in zip(again, trees.of([known[at].net() for at in again]), strict=True):
        new[place] = each
    return [each.written(address) for each, address in zip(known, new, strict=True)]


def _of_plain(texts: list[bytes], trees: Trees) -> list[bytes] | None:
    """Return what addresses of version 6 become, None when one is not, or has more to it."""
    joined = b" ".join(texts)
    if _DRESSED.search(joined) or joined.count(b" ") != len(texts) - 1:
        return None
    try:
        read = [socket.inet_pton(socket.AF_INET6, each) for each in joined.decode().split(" ")]
    except (OSError, ValueError):
        return None
    size = V6 // 8
    new = trees.long(np.frombuffer(b"".join(read), np.uint8).reshape(-1, size)).tobytes()
    places = range(0, len(new), size)
    written = [socket.inet_ntop(socket.AF_INET6, new[at : at + size]) for at in places]
    return " ".join(written).encode().split(b" ")


class _Parsed(NamedTuple):
    """An address as it is written."""

    address: bytes
    mask: int
    after: bytes
    upper: bool

    def host(self, address: bytes) -> int:
        """Return the bits of *address* to the right of the mask."""
        return int.from_bytes(address) & ((1 << 8 * len(address) - self.mask) - 1)

    def net(self, address: bytes | None = None) -> bytes:
        """Return the address, or *address*, without them."""
        taken = self.address if address is None else address
        return (int.from_bytes(taken) - self.host(taken)).to_bytes(len(taken))

    def written(self, new: bytes) -> bytes:
        """Return how the address *new* is written in the place of this one."""
        if self.mask < 8 * len(new) and not self.host(self.address):
            new = self.net(new)
        family = socket.AF_INET if len(new) == V4 // 8 else socket.AF_INET6
        text = socket.inet_ntop(family, new).encode()
        return (text.upper() if self.upper else text) + self.after


def _parsed(text: bytes) -> _Parsed | None:
    """Return the address that *text* writes, None when it writes none."""
    match = _WITH_MASK.fullmatch(text)
    if match is None:
        return None
    written, zone, mask = match.groups()
    family = socket.AF_INET6 if b":" in written else socket.AF_INET
    try:
        address = socket.inet_pton(family, written.decode())
    except OSError:
        return None
    bits = int(mask[1:]) if mask else 8 * len(address)
    if bits > 8 * len(address) or (zone and family == socket.AF_INET):
        return None
    return _Parsed(address, bits, zone + mask, written != written.lower())
