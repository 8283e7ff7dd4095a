"""Keyed permutations of many values at once: of numbers, of words, and of long strings.

A permutation is a Feistel network of ten rounds whose round function is AES-256, with sums as in
FF1 (NIST SP 800-38G), but over whole numbers: of two halves whose product is little more than the
size; it walks along its cycle until it is back in its domain (Black, Rogaway, 2002).
What has no room in 64 bits is permuted as words, a network of the same kind, or as a long
string.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from anonymizer.cells import Cells
from anonymizer.prf import Prf, block_cipher, sealed, subkey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.prf import Words

Operation: TypeAlias = "Callable[[Words, Words, np.uint64], Words]"
"""A sum or a difference that stays below a size, as both numbers are."""

ROUNDS = 10


class Permutation:
    """A permutation of the numbers from 0 up to *size*, at most 2⁶⁴, by a key of 32 bytes."""

    def __init__(self, key: bytes, size: int) -> None:
        if not 1 <= size <= 1 << 64:
            raise ValueError(f"a permutation of {size} numbers, expected 1 to 2**64")
        self.size = size
        left = isqrt(size - 1) + 1
        self._sizes = (left, -(-size // left))
        self._aes = block_cipher(key)

    def forward(self, numbers: Words) -> Words:
        """Return what each of *numbers* becomes."""
        return self._walk(numbers, range(ROUNDS), _sum)

    def backward(self, numbers: Words) -> Words:
        """Return what became each of *numbers*."""
        return self._walk(numbers, range(ROUNDS - 1, -1, -1), _difference)

    def _walk(self, numbers: Words, rounds: range, operation: Operation) -> Words:
        found = self._network(numbers, rounds, operation)
        if self._sizes[0] * self._sizes[1] == self.size:
            return found
        out = np.flatnonzero(found >= np.uint64(self.size))
        while len(out):
            found[out] = self._network(found[out], rounds, operation)
            out = out[found[out] >= np.uint64(self.size)]
        return found

    def _network(self, numbers: Words, rounds: range, operation: Operation) -> Words:
        radix = np.uint64(self._sizes[1])
        left = numbers // radix
        halves = [left, numbers - left * radix]
        text = np.zeros((len(numbers), 2), np.uint64)
        for each in rounds:
            side = each % 2
            text[:, 0], text[:, 1] = halves[1 - side], np.uint64(each)
            drawn, size = sealed(self._aes, text)[::2], self._sizes[side]
            halves[side] = operation(halves[side], _rest(drawn, size), np.uint64(size))
        joined: Words = halves[0] * radix + halves[1]
        return joined


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
            halves[side] = self._mixed(halves, side, number, _sum)
        return [*halves[0], *halves[1]]

    def backward(self, columns: Sequence[Words]) -> list[Words]:
        """Return what became each row of *columns*."""
        halves = self._halves(columns)
        for number in reversed(range(ROUNDS)):
            side = number % 2
            halves[side] = self._mixed(halves, side, number, _difference)
        return [*halves[0], *halves[1]]

    def _halves(self, columns: Sequence[Words]) -> list[list[Words]]:
        middle = len(self._sizes[0])
        return [list(columns[:middle]), list(columns[middle:])]

    def _mixed(
        self, halves: list[list[Words]], side: int, number: int, operation: Operation
    ) -> list[Words]:
        """Return one half, to which what the other one gives is added, or taken from it."""
        sizes = self._sizes[side]
        drawn = self._drawn(halves[1 - side], number, len(sizes))
        return [
            operation(word, _rest(more, size), np.uint64(size))
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
        return sealed(self._aes, text).reshape(-1, 2)


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
        drawn = sealed(self._stream, text).view(np.uint32)
        place = np.arange(len(drawn)) - np.repeat(4 * (np.cumsum(blocks) - blocks), 4 * blocks)
        return drawn[place < np.repeat(counts, 4 * blocks)] % np.uint32(self._radix)


def _consecutive(data: Bytes, counts: Places) -> Cells:
    """Return the values in *data*, of *counts* bytes each and one after the other."""
    ends = np.cumsum(counts)
    return Cells(data=data, starts=ends - counts, ends=ends)


def _sum(one: Words, other: Words, size: np.uint64) -> Words:
    found = one + other
    # What wraps below zero is the greater one.
    smaller: Words = np.minimum(found, found - size)
    return smaller


def _difference(one: Words, other: Words, size: np.uint64) -> Words:
    found = one - other
    smaller: Words = np.minimum(found, found + size)
    return smaller


def _rest(words: Words, size: int) -> Words:
    """Return the rest of *words* divided by *size*, without a slow division."""
    if size & (size - 1) == 0:
        return words & np.uint64(size - 1)
    # Only what lies side by side is divided several at a time.
    near = np.ascontiguousarray(words)
    return near - near // np.uint64(size) * np.uint64(size)
