"""Tag: 64 bits as thirteen letters and digits, so that what is distinct stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anonymizer.cells import Bytes
    from anonymizer.prf import Words

LENGTH = 13
"""Characters of a token, of five bits each."""
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_BITS = 10
"""Bits that are written at once, as two characters."""
_SIZE = 1 << _BITS
_PAIRS = np.stack([np.tile(_ALPHABET, 32), np.repeat(_ALPHABET, 32)], axis=1).view("<u2").ravel()
_A, _CASE = ord("a"), np.uint8(0x20)


def tokens(words: Words) -> Bytes:
    """Return the token of each of *words*, shape (words, LENGTH)."""
    pairs = np.empty((len(words), (LENGTH + 1) // 2), np.uint16)
    for place in range(pairs.shape[1]):
        bits = (words >> np.uint64(_BITS * place)) & np.uint64(_SIZE - 1)
        pairs[:, place] = _PAIRS[bits.view(np.int64)]
    return np.ascontiguousarray(pairs.view(np.uint8)[:, :LENGTH])


def recased(written: Bytes, patterns: Words) -> Bytes:
    """Return tokens with the letters in upper case that *patterns* say, at least one of each."""
    low = np.ascontiguousarray(patterns).view(np.uint8).reshape(-1, 8)[:, :2]
    bits = np.unpackbits(low, axis=1, count=LENGTH, bitorder="little").view(bool)
    letters = written >= _A
    upper = letters & bits
    none = np.flatnonzero(~upper.any(axis=1))
    upper[none] = letters[none]
    found: Bytes = written ^ (upper * _CASE)
    return found
