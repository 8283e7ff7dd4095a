"""The cursor's judge: what a migration really sends is judged where it leaves for the database."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import event

from migrator.lint.additive import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from migrator.dialects import Dialect
    from migrator.migration import Migration


@dataclass(slots=True)
class CursorJudge:
    """Judges, while an expand runs, every statement of this thread over the whole engine.

    So another connection of the same engine is no way round. What other threads of an
    application send over the engine is none of our business.
    """

    engine: Engine
    dialect: Dialect
    _judge_of: Judge | None = None
    _passed: frozenset[str] = frozenset()
    _thread: int = field(default_factory=threading.get_ident)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to the engine while the body runs."""
        event.listen(self.engine, "before_cursor_execute", self._judge)
        try:
            yield
        finally:
            event.remove(self.engine, "before_cursor_execute", self._judge)

    @contextmanager
    def judging(self, migration: Migration, passed: frozenset[str] = frozenset()) -> Iterator[None]:
        """Judge what is sent while the body runs; *passed* has been judged word for word."""
        self._judge_of, self._passed = Judge(migration, self.dialect), passed
        try:
            yield
        finally:
            self._judge_of, self._passed = None, frozenset()

    def _judge(self, *sent: object) -> None:
        """Raise NotAdditiveError or UnreadableError for what an expand must not send."""
        statement = str(sent[2])
        if self._judge_of is None or threading.get_ident() != self._thread:
            return
        if statement not in self._passed:
            self._judge_of.refuse(statement)
