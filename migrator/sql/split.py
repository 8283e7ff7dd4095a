"""Split: a text of SQL into the statements that it holds, bodies of triggers kept whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.sql.tokens import Sort, Token, UnreadableText, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.dialects import Dialect

_ROUTINES = frozenset({"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"})
_OPENERS = frozenset({"BEGIN", "IF", "LOOP", "REPEAT", "WHILE", "FOR"})
"""Open a block where a statement may begin; CASE does so anywhere."""
_BEFORE_STATEMENT = frozenset({"BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ROW", ";", ":"})
_NOT_BEFORE_BODY = _ROUTINES | {"EXISTS", "ON", ".", "BEFORE", "AFTER", "OF"}
"""After these, BEGIN is a name."""


def split(text: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the statements of *text*, each without its terminator and outer comments.

    A text that cannot be cut without doubt comes back whole: `read` says why.
    """
    try:
        return tuple(
            text[run[0].start : run[-1].end] for run in runs(tokens(text, dialect.syntax)) if run
        )
    except UnreadableText:
        return (text,)


def runs(stream: Iterator[Token]) -> Iterator[Sequence[Token]]:
    """Yield the tokens of each statement; raises UnreadableText as `tokens` does."""
    statement: list[Token] = []
    parentheses = 0
    body = _Body()
    for token in stream:
        if token.sort is Sort.SIGN:
            if token.value == ";" and parentheses <= 0 and not body.open:
                yield statement
                statement, body = [], _Body()
                continue
            parentheses += (token.value == "(") - (token.value == ")")
        body.take(token, statement)
        statement.append(token)
    yield statement


class _Body:
    """How deep in the blocks of a trigger, routine or event the reading is."""

    def __init__(self) -> None:
        self._depth = 0
        self._ending = False

    @property
    def open(self) -> bool:
        """Return whether a block is open."""
        return self._depth > 0

    def take(self, token: Token, before: Sequence[Token]) -> None:
        """Count *token*, that follows *before* in its statement."""
        if token.sort is not Sort.WORD:
            self._ending = False
            return
        if token.value == "END" and self.open:
            self._depth -= 1
            self._ending = True
            return
        if not self._ending and self._opens(token.value, before):
            self._depth += 1
        self._ending = False

    def _opens(self, word: str, before: Sequence[Token]) -> bool:
        """Return whether *word* opens a block."""
        if not before:
            return False
        if not self.open:
            return word == "BEGIN" and _has_body(before)
        if word == "CASE":
            return True
        return word in _OPENERS and _ends_in(before, _BEFORE_STATEMENT)


def _has_body(before: Sequence[Token]) -> bool:
    """Return whether BEGIN after *before* begins the body of something that has one."""
    words = [token.value for token in before if token.sort is Sort.WORD]
    if not words or words[0] != "CREATE" or _ROUTINES.isdisjoint(words):
        return False
    return not _ends_in(before, _NOT_BEFORE_BODY)


def _ends_in(before: Sequence[Token], values: frozenset[str]) -> bool:
    """Return whether the last token of *before* is one of the words or signs *values*."""
    return before[-1].sort is not Sort.NAME and before[-1].value in values
