"""Replace bits so that two rows of them that share the first n share exactly n afterwards.

It is the function of Crypto-PAn (Xu, Fan, Ammar, Moon, 2002): each bit is turned by a keyed
function of the bits before it. Here one call of AES serves seven bits: its 128 bits are those
of all nodes of a tree seven levels high.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from anonymizer.errors import LeakError
from anonymizer.prf import block_cipher, sealed, subkey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes

Words: TypeAlias = "NDArray[np.uint64]"

V4, V6 = 32, 128
_HEIGHT = 7
"""Bits that one block of AES decides."""
_MAPPED = bytes(10) + b"\xff\xff"
"""What stands before an address of version 4 in one of version 6."""
_ONE, _LAST = np.uint64(1), np.uint64(63)


class Tree:
    """The keyed function of addresses of *bits* bits, whose first *kept* bits stay."""

    def __init__(self, key: bytes, bits: int, kept: int) -> None:
        self._aes = block_cipher(subkey(key, f"prefixes of {bits} bits"))
        self._bits = bits
        self._kept = kept

    def forward(self, addresses: Bytes, stay: bytes = b"") -> Bytes:
        """Return what *addresses*, shape (values, bits / 8), become.

        No bit is turned on the way to the prefix *stay*, which so stays itself.
        """
        bits = np.ascontiguousarray(np.unpackbits(addresses, axis=1).T)
        turns = np.zeros_like(bits)
        way = np.unpackbits(np.frombuffer(stay, np.uint8))
        same = np.ones(bits.shape[1], bool)
        text = np.zeros((len(addresses), V6 // 8), np.uint8)
        text[:, : self._bits // 8] = addresses
        words = text.view(">u8").astype(np.uint64)
        for level in range(0, self._bits, _HEIGHT):
            drawn = self._drawn(words, level)
            node = np.ones(len(addresses), np.uint64)
            for at in range(level, min(level + _HEIGHT, self._bits)):
                turns[at] = (drawn[(at - level + 1) // _HEIGHT] >> (node & _LAST)) & _ONE
                if at < len(way):
                    turns[at, same] = 0
                    same &= bits[at] == way[at]
                node = (node << _ONE) | bits[at]
        turns[: self._kept] = 0
        return np.packbits(np.ascontiguousarray((bits ^ turns).T), axis=1)

    def _drawn(self, words: Words, level: int) -> Words:
        """Return the bits of the tree under the first *level* bits of each row: shape (2, rows)."""
        text = np.zeros_like(words)
        at, behind = level // 64, np.uint64(63 - level % 64)
        text[:, :at] = words[:, :at]
        text[:, at] = ((words[:, at] >> behind) | _ONE) << behind  # the one says where they end
        return np.ascontiguousarray(sealed(self._aes, text).reshape(-1, 2).T)


class Trees:
    """What replaces addresses of both versions."""

    def __init__(self, key: bytes, kept: int) -> None:
        self._kept = kept
        self._short = Tree(key, V4, min(kept, V4))
        self._long = Tree(key, V6, kept)

    def short(self, addresses: Bytes) -> Bytes:
        """Return what addresses of version 4, shape (values, 4), become."""
        if self._kept >= V4 and len(addresses):
            raise LeakError(
                f"keep_prefix={self._kept} leaves nothing to mask of addresses of version 4",
                hint=f"say less than {V4}",
            )
        return self._short.forward(addresses)

    def long(self, addresses: Bytes) -> Bytes:
        """Return what addresses of version 6, shape (values, 16), become."""
        found = self._long.forward(addresses, stay=_MAPPED)
        mapped = (addresses[:, : len(_MAPPED)] == np.frombuffer(_MAPPED, np.uint8)).all(axis=1)
        if mapped.any():
            found[mapped, len(_MAPPED) :] = self.short(addresses[mapped, len(_MAPPED) :])
        return found

    def of(self, addresses: Sequence[bytes]) -> list[bytes]:
        """Return what *addresses* of either version, 4 or 16 bytes each, become."""
        found = list(addresses)
        for size, replace in ((V4 // 8, self.short), (V6 // 8, self.long)):
            which = [place for place, each in enumerate(addresses) if len(each) == size]
            joined = b"".join(addresses[place] for place in which)
            new = replace(np.frombuffer(joined, np.uint8).reshape(-1, size))
            for place, row in zip(which, new, strict=True):
                found[place] = row.tobytes()
        return found
