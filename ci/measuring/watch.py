"""The watch: probes tables and looks at locks, over and over, while a step runs."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import sqlalchemy as sa

from ci.errors import SetupError
from ci.timing import Lock, Observation, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from ci.measuring.eye import Eye, Held, Probe

END_SECONDS = 5
"""A probe has given up long before that, unless something keeps it."""
PAUSE_SECONDS = 0.05
"""Between two probes of a table."""
LOOK_SECONDS = 0.02
"""Between two looks at the locks: one that is held for less may not be seen."""
RETRY_SECONDS = 0.002
"""After a probe that was not let in."""
LEAST_STALL = 0.02
"""A probe that takes less was not kept waiting by anyone, but by the machine."""
MOST_KEPT = 2_000
"""Stalls and locks that are kept of a step, the longest."""

Span: TypeAlias = tuple[float, float]
Seen = TypeVar("Seen", Lock, Stall)


@dataclass(slots=True, kw_only=True)
class _Looker:
    """Looks at locks until it is told to end; a lock that is there in two looks is one."""

    eye: Eye
    spans: list[tuple[Held, Span]] | None = field(default_factory=list)
    """None where nobody tells."""
    _open: dict[Held, Span] = field(default_factory=dict)

    def look(self) -> float:
        """Look once; return for how long to pause."""
        self._look()
        return LOOK_SECONDS

    def _look(self) -> None:
        now = time.monotonic()
        locks = self.eye.locks()
        if locks is None or self.spans is None:
            self.spans = None
            return
        seen = set(locks)
        after = time.monotonic()
        for held in seen:
            began = self._open[held][0] if held in self._open else now
            self._open[held] = (began, after)
        for held in self._open.keys() - seen:
            self.spans.append((held, self._open.pop(held)))

    def end(self) -> None:
        """Close what is still open."""
        if self.spans is not None:
            self.spans += self._open.items()
        self._open.clear()


@dataclass(slots=True, kw_only=True)
class _Prober:
    """Probes one table, over and over; what it is not let in is one stall, until it is."""

    probe: Probe
    count: int = 0
    stalls: list[Span] = field(default_factory=list)
    _since: float | None = None

    def ask(self) -> float:
        """Probe once; return for how long to pause."""
        began = time.monotonic() if self._since is None else self._since
        self._since = began
        if not self.probe.ask():
            return RETRY_SECONDS
        self.count += 1
        self.end()
        return PAUSE_SECONDS

    def forget(self) -> None:
        """Count as no stall that the table is gone, for now or for good."""
        self._since = None

    def end(self) -> None:
        """Close the stall that is open, if it is one."""
        began, self._since = self._since, None
        ended = time.monotonic()
        if began is not None and ended - began >= LEAST_STALL:
            self.stalls.append((began, ended))


class EyeWatch:
    """Watches one engine through its *eye*; a context that ends its sessions."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[Probe] = []
        self._probers: list[_Prober] = []
        self._looker = _Looker(eye=eye)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._eye.close()

    def begin(self, tables: Sequence[str]) -> None:
        """Begin to watch, and to probe *tables*."""
        self._ending.clear()
        self._looker = _Looker(eye=self._eye)
        with _asking():
            self._eye.begin()
            self._open = list(self._eye.probes(tables))
        self._probers = [_Prober(probe=each) for each in self._open]
        self._threads = [
            self._repeat(self._looker.look),
            *(self._repeat(each.ask, each.forget) for each in self._probers),
        ]

    def end(self, *, origin: float, until: float) -> Observation:
        """End, and return what was seen between two moments of the monotonic clock."""
        self._stop()
        self._looker.end()
        for each in self._probers:
            each.end()
        with _asking():
            counters, statements = self._eye.account()
            observation = Observation(
                locks=_locks(self._looker.spans, origin, until),
                stalls=tuple(_longest(_stalls(self._probers, origin, until))),
                probes=sum(each.count for each in self._probers),
                counters=counters,
                statements=statements,
            )
            self._eye.close()
        return observation

    def _repeat(
        self, look: Callable[[], float], failed: Callable[[], None] = lambda: None
    ) -> threading.Thread:
        def loop() -> None:
            while not self._ending.is_set():
                try:
                    pause = look()
                except sa.exc.SQLAlchemyError:
                    failed()  # What is looked at is gone; it may come back.
                    pause = PAUSE_SECONDS
                self._ending.wait(pause)

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return thread

    def _stop(self) -> None:
        """End the threads, and the sessions of probes."""
        self._ending.set()
        until = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            self._eye.cut()
        for thread in self._threads:
            thread.join()
        self._threads = []
        while self._open:
            self._open.pop().close()


@contextmanager
def _asking() -> Iterator[None]:
    """Raise SetupError, without what a driver says, where the server does not answer."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SetupError(f"the server refused it: {kind}", step="measure") from None


def _locks(
    spans: Sequence[tuple[Held, Span]] | None, origin: float, until: float
) -> tuple[Lock, ...] | None:
    if spans is None:
        return None
    found = [
        Lock(
            table=held.table,
            mode=held.mode,
            began=max(began, origin) - origin,
            seconds=ended - max(began, origin),
            waited=held.waited,
            blocks=held.blocks,
        )
        for held, (began, ended) in spans
        if ended > origin and began < until
    ]
    return tuple(_longest(found))


def _stalls(probers: Sequence[_Prober], origin: float, until: float) -> list[Stall]:
    return [
        Stall(
            table=each.probe.table,
            access=each.probe.access,
            began=max(began, origin) - origin,
            seconds=ended - max(began, origin),
        )
        for each in probers
        for began, ended in each.stalls
        if ended > origin and began < until
    ]


def _longest(seen: list[Seen]) -> list[Seen]:
    """Return *seen* in order of time, the longest of them where they are too many."""
    kept = sorted(seen, key=lambda each: -each.seconds)[:MOST_KEPT]
    return sorted(kept, key=lambda each: each.began)
