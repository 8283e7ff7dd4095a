"""A keyed function over many values at once: a MAC, and what else is made of AES.

The MAC is AES-256-CBC-MAC over a value with a block that holds its length put before it, a
pseudorandom function for values of any length (Bellare, Kilian, Rogaway, 2000).
"""

from __future__ import annotations

import hashlib
import hmac
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from anonymizer.cells import Cells, inside, windows

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext
    from numpy.typing import NDArray

    from anonymizer.cells import Places

Words: TypeAlias = "NDArray[np.uint64]"

BLOCK = 16
_WHOLE = f"V{BLOCK}"
"""One block, as numpy copies it at once."""
LONG = 1024
"""Values from this many bytes on are taken one by one."""


def subkey(key: bytes, purpose: str) -> bytes:
    """Return 32 bytes for *purpose* alone, from a *key* that has other purposes too."""
    return hmac.digest(key, purpose.encode(), hashlib.sha256)


def block_cipher(key: bytes) -> CipherContext:
    """Return what encrypts blocks one by one: many calls of AES in one, and no mode at all."""
    return Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305


def sealed(cipher: CipherContext, text: Words) -> Words:
    """Return what *cipher* gives for each two words of *text*, one after the other."""
    return np.frombuffer(cipher.update(text.view(np.uint8).data), np.uint64)


class Prf:
    """A pseudorandom function: 128 bits for a value of any length, by a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aes = block_cipher(key)
        self._begun = sealed(self._aes, _lengths(np.arange(LONG))).view(_WHOLE)
        """What the block of each length of a short value gives."""

    def words(self, values: Cells) -> Words:
        """Return two numbers of 64 bits for each of *values*: shape (values, 2)."""
        long = np.flatnonzero(values.lengths >= LONG)
        if not len(long):
            return self._short(values)
        found = self._short(Cells(data=values.data, starts=values.starts, ends=_cut(values)))
        for place in long:
            value = values.data[values.starts[place] : values.ends[place]].tobytes()
            found[place] = self._long(value)
        return found

    def _short(self, values: Cells) -> Words:
        """Return the MAC of values below LONG.

        Those of the fewest blocks are first, so that all that go on lie behind those that end.
        """
        lengths = values.lengths
        blocks = ((lengths + (BLOCK - 1)) // BLOCK).astype(np.uint8)
        order = np.argsort(blocks, kind="stable")
        starts, lengths = values.starts[order], lengths[order]
        ended = np.cumsum(np.bincount(blocks))
        furthest = int((starts + lengths).max(initial=0))
        texts = windows(values.data, BLOCK, furthest)
        state = self._begun[lengths].view(np.uint64)
        for number, (first, last) in enumerate(pairwise(ended.tolist())):
            at = BLOCK * number
            text = texts[starts[first:] + at].view(np.uint64)
            ending = inside(BLOCK)[lengths[first:last] - at].view(np.uint64)
            text[: len(ending)] &= ending
            text ^= state[2 * first :]
            state[2 * first :] = sealed(self._aes, text)
        found = np.empty(len(values), _WHOLE)
        found[order] = state.view(_WHOLE)
        return found.view(np.uint64).reshape(-1, 2)

    def _long(self, value: bytes) -> Words:
        text = _lengths(np.array([len(value)])).tobytes() + value
        text += b"\0" * (-len(text) % BLOCK)
        chain = Cipher(algorithms.AES256(self._key), modes.CBC(bytes(BLOCK))).encryptor()
        return np.frombuffer(chain.update(text)[-BLOCK:], np.uint64)


def _lengths(lengths: Places) -> Words:
    """Return the block that holds each of *lengths*."""
    text = np.zeros((len(lengths), 2), np.uint64)
    text[:, 0] = lengths
    return text


def _cut(values: Cells) -> Places:
    """Return where *values* end, or at their begin those that are long."""
    return np.where(values.lengths < LONG, values.ends, values.starts)
