"""The watch: probes tables and looks at locks, over and over, while a step runs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import sqlalchemy as sa

from ci.timing import Lock, Observation, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from ci.measuring.eye import Eye, Held, Probe

PAUSE_SECONDS = 0.05
"""Between two probes of a table."""
LOOK_SECONDS = 0.02
"""Between two looks at the locks: one that is held for less may not be seen."""
LEAST_STALL = 0.02
"""A probe that takes less was not kept waiting by anyone, but by the machine."""
JOIN_SECONDS = 10
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

    def look(self) -> None:
        """Look once."""
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
    """Probes one table until it is told to end, or the table is gone."""

    probe: Probe
    count: int = 0
    stalls: list[Span] = field(default_factory=list)

    def ask(self) -> None:
        """Probe once."""
        began = time.monotonic()
        self.probe.ask()
        ended = time.monotonic()
        self.count += 1
        if ended - began >= LEAST_STALL:
            self.stalls.append((began, ended))


class EyeWatch:
    """Watches one engine through its *eye*; a context that ends its sessions."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
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
        self._eye.begin()
        self._looker = _Looker(eye=self._eye)
        self._probers = [_Prober(probe=each) for each in self._eye.probes(tables)]
        self._threads = [
            self._repeat(self._looker.look, LOOK_SECONDS),
            *(self._repeat(each.ask, PAUSE_SECONDS) for each in self._probers),
        ]

    def end(self, *, origin: float, until: float) -> Observation:
        """End, and return what was seen between two moments of the monotonic clock."""
        self._stop()
        self._looker.end()
        probed = sum(each.count for each in self._probers)
        observation = Observation(
            locks=_locks(self._looker.spans, origin, until),
            stalls=tuple(_longest(_stalls(self._probers, origin, until))),
            probes=probed,
            counters=self._eye.counters(probed=probed),
            statements=self._eye.statements(),
        )
        self._eye.close()
        return observation

    def _repeat(self, look: Callable[[], None], pause: float) -> threading.Thread:
        def loop() -> None:
            while not self._ending.is_set():
                try:
                    look()
                except sa.exc.SQLAlchemyError:
                    return  # What is looked at is gone, or we are being ended.
                self._ending.wait(pause)

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return thread

    def _stop(self) -> None:
        """End the threads; one that still waits loses its session."""
        self._ending.set()
        until = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for each in self._probers:
            each.probe.close()
        for thread in self._threads:
            thread.join()
        self._threads = []


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
