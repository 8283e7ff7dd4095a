"""A stopwatch: how long each statement takes that leaves over an engine, told as it ends."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Engine, ExceptionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement has ended, also one of the history or of the guard; values are not in it."""

    sql: str
    seconds: float
    failed: bool = False


@contextmanager
def timed(engine: Engine, on_statement: Callable[[Statement], None]) -> Iterator[None]:
    """Tell *on_statement* of each statement over *engine*, whoever sends it in the body."""
    watch = _Stopwatch(on_statement)
    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": watch.begin,
        "after_cursor_execute": watch.end,
        "handle_error": watch.fail,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


@dataclass(slots=True)
class _Stopwatch:
    """Knows when the statement of each connection began."""

    tell: Callable[[Statement], None]
    _begun: dict[int, float] = field(default_factory=dict)

    def begin(self, *sent: object) -> None:
        self._begun[id(sent[0])] = time.perf_counter()

    def end(self, *sent: object) -> None:
        self._stop(sent[0], str(sent[2]))

    def fail(self, context: ExceptionContext) -> None:
        if context.statement is not None:
            self._stop(context.connection, context.statement, failed=True)

    def _stop(self, connection: object, sql: str, *, failed: bool = False) -> None:
        begun = self._begun.pop(id(connection), None)
        if begun is not None:
            seconds = time.perf_counter() - begun
            self.tell(Statement(sql=sql, seconds=seconds, failed=failed))
