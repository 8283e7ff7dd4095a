"""Noise: keyed numbers, digits and choices without end, always the same for one value."""

from __future__ import annotations

import hashlib
from string import ascii_lowercase
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")

_BLOCK = 64
_SPARE = 64
"""Bits more than a choice needs, so that it prefers nothing one could notice."""


class Noise:
    """What a mask draws from in place of `random`; *seed* is the PRF of the value."""

    __slots__ = ("_blocks", "_held", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._blocks = 0
        self._held = b""

    def bytes(self, count: int) -> bytes:
        """Return the next *count* bytes."""
        parts = [self._held]
        missing = count - len(self._held)
        while missing > 0:
            number = self._blocks.to_bytes(8, "little")
            parts.append(hashlib.blake2b(number, key=self._seed, digest_size=_BLOCK).digest())
            self._blocks += 1
            missing -= _BLOCK
        held = b"".join(parts)
        self._held = held[count:]
        return held[:count]

    def integer(self, below: int) -> int:
        """Return a number from 0 up to *below*, which it is not."""
        if below < 1:
            raise ValueError(f"no number is below {below} and not below 0")
        count = (below.bit_length() + _SPARE + 7) // 8
        return int.from_bytes(self.bytes(count), "little") * below >> (8 * count)

    def between(self, low: int, high: int) -> int:
        """Return a number from *low* to *high*, either of which it may be."""
        return low + self.integer(high - low + 1)

    def choice(self, things: Sequence[T]) -> T:
        """Return one of *things*."""
        return things[self.integer(len(things))]

    def digits(self, count: int) -> str:
        """Return *count* digits."""
        return f"{self.integer(10**count):0{count}d}" if count else ""

    def letters(self, count: int, alphabet: str = ascii_lowercase) -> str:
        """Return *count* letters of *alphabet*."""
        return "".join(self.choice(alphabet) for _ in range(count))

    def shuffled(self, things: Iterable[T]) -> list[T]:
        """Return *things* in another order."""
        rest = list(things)
        return [rest.pop(self.integer(len(rest))) for _ in range(len(rest))]
