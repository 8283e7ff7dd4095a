"""Keyed functions over many values at once: a MAC, and permutations.

The MAC is AES-256-CBC-MAC over a value with its length put before it, a pseudorandom
function for values of any length (Bellare, Kilian, Rogaway, 2000). A permutation is a
Feistel network of ten rounds whose round function is AES-256, which walks along its cycle
until it is back in its domain: as FF1 does (NIST SP 800-38G), but over whole numbers.
What has no room in 64 bits is permuted as words, a Feistel network with sums as FF1 is, or
as a long string.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from anonymizer.cells import Cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.ciphers import CipherContext
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places

Words: TypeAlias = "NDArray[np.uint64]"

BLOCK = 16
PREFIX = 4
"""Bytes of the length that stands before a value."""
LONG = 1024
"""Values from this many bytes on are taken one by one."""
ROUNDS = 10


def subkey(key: bytes, purpose: str) -> bytes:
    """Return 32 bytes for *purpose* alone, from a *key* that has other purposes too."""
    return hmac.digest(key, purpose.encode(), hashlib.sha256)


def block_cipher(key: bytes) -> CipherContext:
    """Return what encrypts blocks one by one: many calls of AES in one, and no mode at all."""
    return Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305


class Prf:
    """A pseudorandom function: 128 bits for a value of any length, by a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aes = block_cipher(key)

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
        self._aes = block_cipher(key)

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


class WordPermutation:
    """A permutation of rows of words, each column below a size of its own, at most 2³².

    The columns are in two halves, as *left* and *right* have their sizes; neither is empty.
    """

    def __init__(self, key: bytes, left: Sequence[int], right: Sequence[int]) -> None:
        if not left or not right or not all(1 <= each <= 1 << 32 for each in (*left, *right)):
            raise ValueError("a permutation of words that are in no two halves, or over 32 bits")
        self._sizes = (tuple(left), tuple(right))
        self._aes = block_cipher(subkey(key, f"words {self._sizes}"))

    def forward(self, columns: Sequence[Words]) -> list[Words]:
        """Return what each row of *columns* becomes."""
        halves = self._halves(columns)
        for number in range(ROUNDS):
            side = number % 2
            halves[side] = self._mixed(halves, side, number, np.add)
        return [*halves[0], *halves[1]]

    def backward(self, columns: Sequence[Words]) -> list[Words]:
        """Return what became each row of *columns*."""
        halves = self._halves(columns)
        for number in reversed(range(ROUNDS)):
            side = number % 2
            halves[side] = self._mixed(halves, side, number, np.subtract)
        return [*halves[0], *halves[1]]

    def _halves(self, columns: Sequence[Words]) -> list[list[Words]]:
        middle = len(self._sizes[0])
        return [list(columns[:middle]), list(columns[middle:])]

    def _mixed(
        self, halves: list[list[Words]], side: int, number: int, operation: np.ufunc
    ) -> list[Words]:
        """Return one half, to which what the other one gives is added, or taken from it."""
        sizes = self._sizes[side]
        drawn = self._drawn(halves[1 - side], number, len(sizes))
        return [
            _rest(operation(word, more), size)
            if _is_power(size)
            else _rest(operation(word + np.uint64(size), _rest(more, size)), size)
            for word, more, size in zip(halves[side], drawn, sizes, strict=True)
        ]

    def _drawn(self, half: list[Words], number: int, count: int) -> list[Words]:
        """Return *count* random words for each row of *half*."""
        packed = [
            half[at] | (half[at + 1] << np.uint64(32)) if at + 1 < len(half) else half[at]
            for at in range(0, len(half), 2)
        ]
        text = np.empty((len(half[0]), 2), np.uint64)
        text[:, 0], text[:, 1] = np.uint64(number), packed[0]
        state = self._sealed(text)
        for at in range(1, len(packed), 2):
            for place, word in enumerate(packed[at : at + 2]):
                text[:, place] = word
            text[:, len(packed[at : at + 2]) :] = 0
            state = self._sealed(text ^ state)
        drawn = [state]
        for more in range(1, (count + 1) // 2):
            drawn.append(self._sealed(state ^ np.array([more, 0], np.uint64)))
        return [drawn[at // 2][:, at % 2] for at in range(count)]

    def _sealed(self, text: Words) -> Words:
        return np.frombuffer(self._aes.update(text.view(np.uint8).data), np.uint64).reshape(-1, 2)


class LongPermutation:
    """A permutation of long strings of symbols, of all lengths over HEAD, at most 256 symbols.

    It is LIONESS (Anderson and Biham, 1996): what the head gives, as the seed of a stream, is
    added to the rest, and what the rest gives to the head, twice.
    """

    HEAD = 64

    def __init__(self, key: bytes, radix: int) -> None:
        self._radix = radix
        self._macs = [Prf(subkey(key, f"mac {number}")) for number in range(4)]
        self._stream = block_cipher(subkey(key, "stream"))

    def forward(self, symbols: Bytes, counts: Places) -> Bytes:
        """Return what strings, of *counts* symbols each and one after the other, become."""
        return self._rounds(symbols, counts, range(4), 1)

    def backward(self, symbols: Bytes, counts: Places) -> Bytes:
        """Return what became strings of *counts* symbols."""
        return self._rounds(symbols, counts, range(3, -1, -1), -1)

    def _rounds(self, symbols: Bytes, counts: Places, rounds: range, sign: int) -> Bytes:
        order = np.arange(len(symbols)) - np.repeat(np.cumsum(counts) - counts, counts)
        is_head = order < self.HEAD
        sizes = (np.full(len(counts), self.HEAD), counts - self.HEAD)
        parts = [symbols[is_head], symbols[~is_head]]
        for number in rounds:
            to = 1 - number % 2
            seeds = self._macs[number].words(_consecutive(parts[1 - to], sizes[1 - to]))
            drawn = self._drawn(seeds, sizes[to])
            mixed = parts[to].astype(np.int64) + sign * drawn.astype(np.int64)
            parts[to] = (mixed % self._radix).astype(np.uint8)
        found = np.empty_like(symbols)
        found[is_head], found[~is_head] = parts
        return found

    def _drawn(self, seeds: Words, counts: Places) -> NDArray[np.uint32]:
        """Return *counts* random symbols for each of *seeds*: one for each 32 bits."""
        blocks = (counts + 3) // 4
        text = np.repeat(seeds, blocks, axis=0)
        order = np.arange(len(text)) - np.repeat(np.cumsum(blocks) - blocks, blocks)
        text[:, 0] ^= order.astype(np.uint64)
        sealed = np.frombuffer(self._stream.update(text.view(np.uint8).data), np.uint32)
        place = np.arange(len(sealed)) - np.repeat(4 * (np.cumsum(blocks) - blocks), 4 * blocks)
        return sealed[place < np.repeat(counts, 4 * blocks)] % np.uint32(self._radix)


def _consecutive(data: Bytes, counts: Places) -> Cells:
    """Return the values in *data*, of *counts* bytes each and one after the other."""
    ends = np.cumsum(counts)
    return Cells(data=data, starts=ends - counts, ends=ends)


def _is_power(size: int) -> bool:
    """Return whether *size* is a power of two: sums that wrap at 2⁶⁴ are right below it."""
    return size & (size - 1) == 0


def _rest(words: Words, size: int) -> Words:
    """Return the rest of *words* divided by *size*, without a slow division."""
    if _is_power(size):
        return words & np.uint64(size - 1)
    return words - words // np.uint64(size) * np.uint64(size)
