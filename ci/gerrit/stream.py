"""Stream: what happens on a server, for as long as we like, and where we may have missed some.

Gerrit repeats nothing: after each connection, each `dropped-output` and each line that cannot be
an event there is a GAP, and what was missed is asked for.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

import tenacity
from tenacity import Retrying

from ci.errors import ReviewError
from ci.gerrit.events import LINE_BYTES, Event, Type, plain, read_event
from ci.gerrit.shell import CONNECT_SECONDS, LOST, PIECE, connected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event as Signal

    import paramiko
    from tenacity import RetryCallState

    from ci.gerrit.login import Login

COMMAND = "gerrit stream-events"
LOG = logging.getLogger("ci.gerrit")
POLL_SECONDS = 0.5
ERROR_BYTES = 500
MOST_DOUBLED = 16


class Gap(Enum):
    """A place in the stream where something may be missing."""

    GAP = auto()


Told: TypeAlias = Event | Gap


@dataclass(slots=True)
class Lines:
    """Cuts what comes into lines, none of them longer than *limit*."""

    limit: int = LINE_BYTES
    _rest: bytearray = field(default_factory=bytearray)
    _over: bool = False

    def feed(self, piece: bytes) -> Iterator[bytes | None]:
        """Yield the lines that end in *piece*; None for each that was too long."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._add(end)
            yield None if self._over else bytes(self._rest)
            self._rest.clear()
            self._over = False
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._over = self._over or len(self._rest) + len(piece) > self.limit
        if self._over:
            self._rest.clear()
        else:
            self._rest += piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The events of a server."""

    login: Login
    stop: Signal
    """Set from another thread or a signal, it ends the stream."""
    settle: float = 2
    """Seconds until what we see of the server is what it has just told; in them it may refuse."""
    slowest: float = 300
    """Seconds between two attempts to connect, at most."""

    def __iter__(self) -> Iterator[Told]:
        """Yield what happens, and GAP at first and wherever something may be missing."""
        short = 0
        while not self.stop.is_set():
            with ExitStack() as stack:
                channel = self._opened(stack)
                if channel is None:
                    return
                LOG.info("listening to %s", self.login.host)
                began = time.monotonic()
                yield Gap.GAP
                yield from self._told(channel)
            steady = time.monotonic() - began > self.slowest
            short = 0 if steady else short + 1
            self.stop.wait(self._pause(short))

    def _pause(self, short: int) -> float:
        """Return how long to wait after so many connections in a row that were soon lost."""
        longest = min(self.slowest, 2.0 ** min(short, MOST_DOUBLED))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - so that not all come at once

    def _opened(self, stack: ExitStack) -> paramiko.Channel | None:
        """Return the channel that events come by, however long it takes; None once we stop."""
        attempts = Retrying(
            wait=tenacity.wait_random_exponential(max=self.slowest),
            retry=tenacity.retry_if_exception_type((ReviewError, *LOST)),
            stop=tenacity.stop_when_event_set(self.stop),
            sleep=tenacity.sleep_using_event(self.stop),
            before_sleep=_complain,
            reraise=True,
        )
        try:
            return attempts(self._open, stack)
        except (ReviewError, *LOST):
            if self.stop.is_set():
                return None
            raise

    def _open(self, stack: ExitStack) -> paramiko.Channel:
        with ExitStack() as opening:
            transport = opening.enter_context(connected(self.login))
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            opening.callback(channel.close)
            channel.exec_command(COMMAND)
            if channel.status_event.wait(self.settle):
                raise ReviewError(
                    f"{self.login.host} refuses `{COMMAND}`: {_complaint(channel)}",
                    hint="the account needs the capability Stream Events",
                )
            stack.push(opening.pop_all())
        return channel

    def _told(self, channel: paramiko.Channel) -> Iterator[Told]:
        """Yield what comes by *channel* until it ends, or we do."""
        channel.settimeout(POLL_SECONDS)
        lines = Lines()
        while not self.stop.is_set():
            try:
                piece = channel.recv(PIECE)
            except TimeoutError:
                continue
            if not piece:
                LOG.warning("%s has ended the stream", self.login.host)
                return
            for line in lines.feed(piece):
                yield from _told(line)


def _told(line: bytes | None) -> Iterator[Told]:
    event = None if line is None else read_event(line)
    if line is None or (event and event.type is Type.DROPPED):
        LOG.warning("the server has left something out: asking what")
        yield Gap.GAP
    elif event:
        yield event


def _complaint(channel: paramiko.Channel) -> str:
    if not channel.recv_stderr_ready():
        return "it says nothing"
    return plain(channel.recv_stderr(ERROR_BYTES).decode("utf-8", "replace"))


def _complain(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    said = error.message if isinstance(error, ReviewError) else type(error).__name__
    hint = f" ({error.hint})" if isinstance(error, ReviewError) and error.hint else ""
    LOG.warning("%s%s; again in %.0f s", said, hint, state.upcoming_sleep)
