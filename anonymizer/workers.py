"""Workers: processes that mask side by side, and end without a word when Ctrl-C ends us."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CTRL_C = {signal.SIGINT}


def pool_of(
    jobs: int,
    *,
    preload: Sequence[str],
    begin: Callable[..., None] | None = None,
    given: object = None,
) -> ProcessPoolExecutor:
    """Return a pool of *jobs* processes that have the modules *preload*, and did `begin(given)`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    # What imports when Ctrl-C comes would say where; who started it says what is left.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _CTRL_C)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_begin, initargs=(begin, given)
    )


def _begin(begin: Callable[[object], None] | None, given: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CTRL_C)
    if begin is not None:
        begin(given)
