"""Interrupt: Ctrl-C ends the statement that the database works on, whatever the driver.

Python looks at signals between two of its instructions. A driver written in C waits for its
answer within one: so Ctrl-C would wait for the statement, which may take hours, and a driver
written in Python would leave the server working on it.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine, ExceptionContext

NOT_SET = -1


@contextmanager
def interruptible(engine: Engine) -> Iterator[None]:
    """Cancel what the main thread waits for over *engine* when SIGINT comes while the body runs.

    KeyboardInterrupt then comes as always. Does nothing in other threads, which get no
    signals, and where somebody else is told of them, as asyncio is.
    """
    waiting = Waiting(engine)
    if threading.current_thread() is not waiting.thread:
        yield
        return
    reader, writer = socket.socketpair()
    os.set_blocking(writer.fileno(), False)
    listener = threading.Thread(target=_listen, args=(reader, waiting), daemon=True)
    listener.start()
    try:
        with waiting.noticed(), _told(writer):
            yield
    finally:
        writer.close()
        listener.join()
        reader.close()


@contextmanager
def _told(writer: socket.socket) -> Iterator[None]:
    """Have the number of each signal written to *writer* as soon as it comes."""
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    if before != NOT_SET:
        signal.set_wakeup_fd(before)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)


def _listen(reader: socket.socket, waiting: Waiting) -> None:
    while number := reader.recv(1):
        if number[0] == signal.SIGINT:
            waiting.cancel()


@dataclass(slots=True)
class Waiting:
    """What the main thread waits for, if it does: how that can be cancelled."""

    engine: Engine
    cancel_it: Callable[[], object] | None = None
    thread: threading.Thread = field(default_factory=threading.main_thread)

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Take notice of what is sent over the engine while the body runs."""
        events: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._begin,
            "after_cursor_execute": self._end,
            "handle_error": self._fail,
        }
        for name, function in events.items():
            event.listen(self.engine, name, function)
        try:
            yield
        finally:
            for name, function in events.items():
                event.remove(self.engine, name, function)

    def cancel(self) -> None:
        """Ask the database to end the statement, which may have ended by itself."""
        cancel_it = self.cancel_it
        if cancel_it is not None:
            with suppress(Exception):  # what became of the statement is told by its own answer
                cancel_it()

    def _begin(self, connection: Connection, *_sent: object) -> None:
        if threading.current_thread() is self.thread:
            self.cancel_it = _way(self.engine, connection.connection.driver_connection)

    def _end(self, *_sent: object) -> None:
        if threading.current_thread() is self.thread:
            self.cancel_it = None

    def _fail(self, context: ExceptionContext) -> None:
        if isinstance(context.original_exception, KeyboardInterrupt):
            # A driver written in Python has turned away; the server works on.
            self.cancel()
        self._end()


def _way(engine: Engine, driver: Any) -> Callable[[], object] | None:
    """Return how to cancel, from any thread, what *driver* is about to send."""
    for name in ("cancel", "interrupt"):
        if hasattr(driver, name):
            way: Callable[[], object] = getattr(driver, name)
            return way
    return partial(_kill, engine, driver.thread_id()) if hasattr(driver, "thread_id") else None


def _kill(engine: Engine, session: int) -> None:
    with engine.connect() as other:
        other.exec_driver_sql(f"KILL QUERY {int(session)}")
