"""The cursor's judge: what a migration really sends is judged where it leaves for the database."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import event

from migrator.errors import UnreadableError
from migrator.lint.additive import Judge
from migrator.sql import Kind, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.migration import Migration

_READS = Kind.HARMLESS


@dataclass(slots=True)
class CursorJudge:
    """Judges, while an expand runs, every statement of this thread over the whole engine.

    So another connection of the same engine is no way round; it may only read, since what
    it adds would stay when the migration fails. Nor may the migration end the transaction.
    What other threads of an application send over the engine is none of our business.
    """

    connection: Connection
    dialect: Dialect
    _judge_of: Judge | None = None
    _passed: frozenset[str] = frozenset()
    _thread: int = field(default_factory=threading.get_ident)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to the engine while the body runs."""
        listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._judge,
            "commit": partial(self._ended, "COMMIT"),
            "rollback": partial(self._ended, "ROLLBACK"),
        }
        for name, listener in listeners.items():
            event.listen(self.connection.engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                event.remove(self.connection.engine, name, listener)

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
        if sent[0] is not self.connection and read(statement, self.dialect).kind is not _READS:
            raise UnreadableError(
                "sends a statement over a connection of its own, outside its transaction",
                migration=self._judge_of.migration.name,
                hint="use op, or op.get_bind() itself",
            )

    def _ended(self, how: str, connection: Connection) -> None:
        """Raise NotAdditiveError when the migration itself ends the transaction."""
        if self._judge_of is None or connection is not self.connection:
            return
        connection.connection.rollback()  # SQLAlchemy will take the transaction for ended.
        self._judge_of.refuse(how)
