"""Memory: have the C library keep what the next block needs again, and Python not look at it.

Arrays of a block are larger than what glibc keeps by itself: each is mapped anew, and the
kernel clears its pages. That takes as long as masking does. Arrow, which would keep as much
again in a pool of its own, takes from the same.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        import pyarrow as pa  # what only says its options does not need it

        pa.set_memory_pool(pa.system_memory_pool())


@contextmanager
def no_collector() -> Iterator[None]:
    """Let the collector of cycles rest: it would look at all that is made, and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def lasting() -> Iterator[None]:
    """Have what the body makes stay to the end: the collector never looks at it, nor at the exit.

    Modules are such; to look through those that a command imports takes a tenth of a second.
    """
    with no_collector():
        yield
        gc.freeze()
