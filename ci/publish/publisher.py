"""Publisher: statements, names and errors, said again in words that may be published."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from ci.publish.keywords import plan_words, reserved, states
from ci.publish.tokens import Sort, Token, UnreadableText, tokens
from ci.timing import Lock, Stall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.publish.vocabulary import Vocabulary
    from ci.result import Failure, Walked
    from ci.timing import Engine, Statement, Step, Timing

Span = TypeVar("Span", Lock, Stall)

HIDDEN = "…"
READ = 1 << 18
"""Letters of a statement that are looked at."""
STATEMENT = 4000
"""Letters of a statement that are said."""
STATEMENTS = 50
"""Of a step, the slowest."""
PLAN_LINES = 60
NAMES = 20
PLACEHOLDERS = 1000
KINDS = frozenset(
    f"{done}_{what}"
    for done in ("add", "remove", "modify")
    for what in (
        *("table", "column", "index", "constraint", "fk", "table_comment"),
        *("type", "nullable", "default", "comment"),
    )
)
"""What alembic calls differences of a schema."""
_LITERALS = re.compile(r"\?(?:, \?)+")
_ROWS = re.compile(r"(\(\?(?:, …)?\))(?:, \1)+")
_TIGHT_BEFORE = frozenset({",", ")", ";", ".", "::", "]"})
_TIGHT_AFTER = frozenset({"(", ".", "::", "["})


class Publisher:
    """Says what happened in one run; the same unknown name is the same placeholder all along."""

    def __init__(self, vocabulary: Vocabulary, engine: Engine) -> None:
        self._vocabulary = vocabulary
        self._engine = engine
        self._placeholders: dict[str, str] = {}

    def statement(self, sql: str) -> str:
        """Return *sql* without its literals, comments and unknown names; … if it is in doubt."""
        try:
            words = self._words(tokens(sql[:READ], self._engine))
            return _shortened(_joined(words), cut=len(sql) > READ)
        except UnreadableText:
            return HIDDEN

    def plan(self, text: str) -> str:
        """Return a plan, a line of it at a time, as `statement` returns statements."""
        lines = text.split("\n")[: PLAN_LINES + 1]
        said = [self._plan_line(each) for each in lines[:PLAN_LINES]]
        return "\n".join([*said, *([HIDDEN] if len(lines) > PLAN_LINES else [])])

    def name(self, name: str) -> str:
        """Return the name of a table, a column, an index; with its schema, if it has one."""
        return ".".join(self._word(each) for each in name.split(".", 3)[:3])

    def names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return names of objects, each once, and not too many."""
        return tuple(dict.fromkeys(map(self.name, islice(names, NAMES))))

    def step(self, step: Step) -> Step:
        """Return *step* as the tree calls it, if it is in the tree."""
        known = self._vocabulary.knows_version(step.version)
        return replace(
            step,
            version=step.version if known else self.name(step.version),
            name=self.name(step.name),
            path=step.path if step.path in self._vocabulary.paths else None,
        )

    def failure(self, failure: Failure) -> Failure:
        """Return *failure* with its error's class, its SQLSTATE and its names as they are known.

        What is said of it, and its phase, is ours, and not looked at.
        """
        return replace(
            failure,
            error=failure.error and self.error(failure.error),
            sqlstate=failure.sqlstate if failure.sqlstate in states() else None,
            names=self.names(failure.names),
            step=None if failure.step is None else self.step(failure.step),
        )

    def timing(self, timing: Timing) -> Timing:
        """Return *timing* with the names and the statements in it as they are known."""
        seen = timing.observation
        return replace(
            timing,
            step=self.step(timing.step),
            observation=replace(
                seen,
                locks=seen.locks and tuple(self._on_table(each) for each in seen.locks),
                stalls=tuple(self._on_table(each) for each in seen.stalls),
                statements=tuple(self._told(each) for each in seen.statements[:STATEMENTS]),
            ),
        )

    def walked(self, walked: Walked) -> Walked:
        """Return *walked* as it may be published, with all that was measured."""
        return replace(
            walked,
            timings=tuple(map(self.timing, walked.timings)),
            failures=tuple(map(self.failure, walked.failures)),
            schema=None if walked.schema is None else self.differences(walked.schema),
        )

    def differences(self, told: Iterable[str]) -> tuple[str, ...]:
        """Return how a schema differs: each difference is words that are known or not."""
        lines = (
            " ".join(each if each in KINDS else self.name(each) for each in line.split()[:5])
            for line in islice(told, NAMES)
        )
        return tuple(dict.fromkeys(lines))

    def _on_table(self, span: Span) -> Span:
        return replace(span, table=self.name(span.table)) if span.table else span

    def _told(self, statement: Statement) -> Statement:
        return replace(
            statement,
            sql=self.statement(statement.sql),
            plan=None if statement.plan is None else self.plan(statement.plan),
            scans=self.names(statement.scans),
        )

    def error(self, name: str) -> str:
        """Return the class of an error without its module; Exception for an unknown one."""
        last = name.rpartition(".")[2]
        return last if last.isascii() and self._vocabulary.knows_error(last) else "Exception"

    def _plan_line(self, line: str) -> str:
        """Return one line of a plan, as far to the right as it was."""
        bare = line.lstrip(" ")
        try:
            said = _joined(self._words(tokens(bare, self._engine), plan=True))
        except UnreadableText:
            said = HIDDEN
        return " " * min(len(line) - len(bare), 40) + _shortened(said)

    def _words(self, found: Iterable[Token], *, plan: bool = False) -> Iterator[str]:
        """Yield what is said for each token."""
        known = plan_words() if plan else frozenset()
        for token in found:
            said = token.sort in {Sort.LITERAL, Sort.SIGN} or token.text.lower() in known
            yield token.text if said else self._word(token.text)

    def _word(self, word: str) -> str:
        """Return *word*, or what stands for it."""
        if word.isascii() and self._vocabulary.knows(word):
            return word
        if word not in self._placeholders:
            if len(self._placeholders) >= PLACEHOLDERS:
                return HIDDEN
            self._placeholders[word] = f"{HIDDEN}{len(self._placeholders) + 1}"
        return self._placeholders[word]


def _joined(words: Iterable[str]) -> str:
    """Return *words* as people write them; stop when they are more than can be said."""
    said: list[str] = []
    length, last = 0, "("
    for word in words:
        called = word == "(" and last[-1:].isalnum() and last.lower() not in reserved()
        tight = called or word in _TIGHT_BEFORE or last in _TIGHT_AFTER
        said.append(word if tight else f" {word}")
        length += len(said[-1])
        last = word
        if length > 4 * STATEMENT:
            return "".join(said).strip() + f" {HIDDEN}"
    return "".join(said).strip()


def _shortened(text: str, *, cut: bool = False) -> str:
    """Return *text* with lists of literals as one, and not too long."""
    short = _ROWS.sub(rf"\1, {HIDDEN}", _LITERALS.sub(f"?, {HIDDEN}", text))
    if len(short) > STATEMENT:
        short, cut = short[:STATEMENT].rpartition(" ")[0], True
    return f"{short} {HIDDEN}" if cut and not short.endswith(HIDDEN) else short
