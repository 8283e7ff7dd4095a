"""Memory: have the C library keep what the next block needs again.

Arrays of a block are larger than what glibc keeps by itself: each is mapped anew, and the
kernel clears its pages. That takes as long as masking does. Arrow, which would keep as much
again in a pool of its own, takes from the same.
"""

from __future__ import annotations

import ctypes
from functools import cache

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>."""
KEPT = 128 << 20
LARGEST = 32 << 20
"""Bytes of one array that is kept; the most that glibc allows on 64 bits."""


@cache
def keep_memory() -> None:
    """Keep up to KEPT bytes that are free, in arrays of up to LARGEST; elsewhere do nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, LARGEST)
        pa.set_memory_pool(pa.system_memory_pool())
