"""Tag: 64 bits as thirteen letters and digits, so that what is distinct stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anonymizer.cells import Bytes
    from anonymizer.masks.draw import Numbers

LENGTH = 13
"""Characters of a token, of five bits each."""
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_BITS = 10
"""Bits that are written at once, as two characters."""
_SIZE = 1 << _BITS
_PAIRS = np.stack([np.tile(_ALPHABET, 32), np.repeat(_ALPHABET, 32)], axis=1).view("<u2").ravel()
_A, _CASE = ord("a"), np.uint8(0x20)


def tokens(numbers: Numbers) -> Bytes:
    """Return the token of each number, shape (numbers, LENGTH)."""
    pairs = np.empty((len(numbers), (LENGTH + 1) // 2), np.uint16)
    for place in range(pairs.shape[1]):
        pairs[:, place] = _PAIRS[(numbers >> np.uint64(_BITS * place)) & np.uint64(_SIZE - 1)]
    return np.ascontiguousarray(pairs.view(np.uint8)[:, :LENGTH])


def recased(written: Bytes, patterns: Numbers) -> Bytes:
    """Return tokens with the letters in upper case that *patterns* say, at least one of each."""
    bits = (patterns[:, None] >> np.arange(LENGTH, dtype=np.uint64)) & np.uint64(1)
    letters = written >= _A
    upper = letters & (bits == 1)
    upper |= letters & ~upper.any(axis=1, keepdims=True)
    return np.where(upper, written ^ _CASE, written)
