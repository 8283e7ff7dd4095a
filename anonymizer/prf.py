"""Keyed functions over many values at once: a MAC, and permutations.

The MAC is AES-256-CBC-MAC over a value with its length put before it, a pseudorandom
function for values of any length (Bellare, Kilian, Rogaway, 2000). A permutation is a
Feistel network of ten rounds whose round function is AES-256, which walks along its cycle
until it is back in its domain: as FF1 does (NIST SP 800-38G), but over whole numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Cells

BLOCK = 16
PREFIX = 4
"""Bytes of the length that stands before a value."""
LONG = 1024
"""Values from this many bytes on are taken one by one."""
ROUNDS = 10


def _blocks(key: bytes) -> CipherContext:
    """Return what encrypts blocks one by one: many calls of AES in one, and no mode at all."""
    return Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305


class Prf:
    """A pseudorandom function: 128 bits for a value of any length, by a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aes = _blocks(key)

    def words(self, values: Cells) -> NDArray[np.uint64]:
        """Return two numbers of 64 bits for each of *values*: shape (values, 2)."""
        lengths = values.lengths
        found = np.zeros((len(values), BLOCK), np.uint8)
        blocks = (lengths + PREFIX + BLOCK - 1) // BLOCK
        short = lengths < LONG
        for count in np.flatnonzero(np.bincount(blocks[short])):
            which = np.flatnonzero((blocks == count) & short)
            found[which] = self._short(values.take(which), int(count))
        for place in np.flatnonzero(~short):
            value = values.data[values.starts[place] : values.ends[place]].tobytes()
            found[place] = self._long(value)
        return found.view("<u8")

    def _short(self, values: Cells, blocks: int) -> Bytes:
        """Return the MAC of values that all take *blocks* blocks."""
        text = np.empty((len(values), blocks * BLOCK), np.uint8)
        text[:, :PREFIX] = values.lengths.astype("<u4").view(np.uint8).reshape(-1, PREFIX)
        text[:, PREFIX:] = values.heads(blocks * BLOCK - PREFIX)
        state = self._encrypt(text[:, :BLOCK])
        for at in range(BLOCK, blocks * BLOCK, BLOCK):
            state = self._encrypt(text[:, at : at + BLOCK] ^ state)
        return state

    def _long(self, value: bytes) -> Bytes:
        text = len(value).to_bytes(PREFIX, "little") + value
        text += b"\0" * (-len(text) % BLOCK)
        chain = Cipher(algorithms.AES256(self._key), modes.CBC(bytes(BLOCK))).encryptor()
        return np.frombuffer(chain.update(text)[-BLOCK:], np.uint8)

    def _encrypt(self, text: Bytes) -> Bytes:
        sealed = self._aes.update(np.ascontiguousarray(text).data)
        return np.frombuffer(sealed, np.uint8).reshape(-1, BLOCK)


class Permutation:
    """A permutation of the numbers from 0 up to *size*, at most 2⁶⁴, by a key of 32 bytes."""

    def __init__(self, key: bytes, size: int) -> None:
        if not 1 <= size <= 1 << 64:
            raise ValueError(f"a permutation of {size} numbers, expected 1 to 2**64")
        self.size = size
        self._half = max(1, ((size - 1).bit_length() + 1) // 2)
        self._mask = np.uint64((1 << self._half) - 1)
        self._aes = _blocks(key)

    def forward(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return what each of *numbers* becomes."""
        return self._walk(numbers, range(ROUNDS))

    def backward(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return what became each of *numbers*."""
        return self._walk(numbers, range(ROUNDS - 1, -1, -1))

    def _walk(self, numbers: NDArray[np.uint64], rounds: range) -> NDArray[np.uint64]:
        found = self._network(numbers, rounds)
        if self.size == 1 << (2 * self._half):
            return found
        out = np.flatnonzero(found >= np.uint64(self.size))
        while len(out):
            found[out] = self._network(found[out], rounds)
            out = out[found[out] >= np.uint64(self.size)]
        return found

    def _network(self, numbers: NDArray[np.uint64], rounds: range) -> NDArray[np.uint64]:
        half = np.uint64(self._half)
        left, right = numbers >> half, numbers & self._mask
        if rounds.step > 0:
            for each in rounds:
                left, right = right, left ^ self._round(right, each)
        else:
            for each in rounds:
                left, right = right ^ self._round(left, each), left
        joined: NDArray[np.uint64] = (left << half) | right
        return joined

    def _round(self, half: NDArray[np.uint64], number: int) -> NDArray[np.uint64]:
        text = np.empty((len(half), 2), np.uint64)
        text[:, 0], text[:, 1] = half, np.uint64(number)
        sealed = np.frombuffer(self._aes.update(text.view(np.uint8).data), np.uint64)
        return sealed[::2] & self._mask
