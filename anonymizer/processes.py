"""Processes: how others are started that help with the work, and how it is shared out."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING, TypeVar

from anonymizer.memory import keep_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkServerContext

IMPORTED = ("anonymizer.stream", "anonymizer.masks", "anonymizer.dumps.pg_directory")
"""What they have from the one that all are forked from; it imports it once."""
SCRIPT = "anonymizer.cli"
"""What the script imports that is run: each would import it for itself."""
_CTRL_C = {signal.SIGINT}

Item = TypeVar("Item")
Result = TypeVar("Result")


def context() -> ForkServerContext:
    """Return what starts them: forked from a process without threads, files and secrets."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([*IMPORTED, SCRIPT])
    resource_tracker.ensure_running()  # or it is started below, and lets Ctrl-C through again
    # What imports when Ctrl-C comes would say where; who started it says what is left.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _CTRL_C)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return made


def prepare() -> None:
    """Begin to start the one that all are forked from: it imports while this process goes on."""
    context()


def begin() -> None:
    """Set a process up that does a share: Ctrl-C ends it without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CTRL_C)
    keep_memory()


def shared_out(
    do: Callable[[Item], Result], items: Sequence[Item], *, jobs: int = 1
) -> list[Result]:
    """Return what *do* gives for each of *items*; with several *jobs* others do some of them.

    They begin with the first, this process with the last. When one fails, none is begun any more.
    """
    left = deque(enumerate(items))
    others = min(jobs, len(left)) - 1
    if others < 1:
        return [do(each) for each in items]

    def there(item: Item) -> Result:
        return pool.submit(do, item).result()

    with (
        ProcessPoolExecutor(others, mp_context=context(), initializer=begin) as pool,
        ThreadPoolExecutor(others) as threads,
    ):
        begun = [threads.submit(_done, left, left.popleft, there) for _ in range(others)]
        done = _done(left, left.pop, do)
        for each in begun:
            done |= each.result()
    return [done[number] for number in sorted(done)]


def _done(
    left: deque[tuple[int, Item]],
    take: Callable[[], tuple[int, Item]],
    do: Callable[[Item], Result],
) -> dict[int, Result]:
    """Do one after the other of those that are *left*; when one fails, leave none to others."""
    try:
        return {number: do(item) for number, item in _taken(take)}
    except BaseException:
        left.clear()
        raise


def _taken(take: Callable[[], tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
    while True:
        try:
            yield take()
        except IndexError:
            return
