"""additive: an expand only adds, whatever way its statements reach the database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.errors import NotAdditiveError, UnreadableError
from migrator.lint.made import Made
from migrator.lint.violation import Violation
from migrator.migration import Phase
from migrator.sql import Finding, Kind, Statement, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from migrator.dialects import Dialect
    from migrator.lint.project import Project
    from migrator.migration import Migration

RULE = "additive"

_GOOD = frozenset({Kind.HARMLESS, Kind.ADDITIVE})
_NEVER = frozenset({Kind.DATA, Kind.DESTRUCTIVE})
"""What `allow` cannot let pass."""


class Judge:
    """Judges the statements of one migration in their order.

    It remembers what they have made: a constraint on a table that is in use may refuse
    what the running code writes; on one that the same migration made it does not.
    """

    def __init__(self, migration: Migration, dialect: Dialect) -> None:
        self.migration = migration
        self.dialect = dialect
        self._made = Made(dialect.syntax)
        self._allowed = frozenset(normal(label) for label in migration.allow)

    def findings(self, statement: Statement | str) -> Iterator[tuple[Finding, bool]]:
        """Yield what is wrong with *statement*, and whether the migration vouches for it."""
        parts = read_all(statement, self.dialect) if isinstance(statement, str) else (statement,)
        for part in parts:
            self._made.add(part)
            for finding in part.findings:
                if self._counts(finding):
                    yield finding, finding.kind not in _NEVER and self.allows(finding.label)

    def allows(self, label: str) -> bool:
        """Return whether the migration vouches for statements called *label*."""
        return normal(label) in self._allowed

    def _counts(self, finding: Finding) -> bool:
        """Return whether *finding* matters in this phase, on what is there."""
        if self.migration.phase is Phase.CONTRACT:
            return finding.opaque
        return finding.kind not in _GOOD and not self._made.excuses(finding)

    def look(self, statement: Statement | str) -> list[Violation]:
        """Return why *statement* may not run, empty when it may; remember what it makes."""
        return [
            self._violation(finding) for finding, allowed in self.findings(statement) if not allowed
        ]

    def refuse(self, statement: Statement | str) -> None:
        """Raise NotAdditiveError or UnreadableError if *statement* may not run."""
        for finding, allowed in self.findings(statement):
            if not allowed:
                raise self._error(finding)

    def _violation(self, finding: Finding) -> Violation:
        """Return *finding* as a violation."""
        return Violation(
            rule=RULE,
            severity="error",
            migration=self.migration.name,
            message=self._message(finding),
            hint=finding.hint,
            path=self.migration.source(self.dialect).path if self.migration.sources else None,
            dialects=(self.dialect.name,),
        )

    def _error(self, finding: Finding) -> NotAdditiveError | UnreadableError:
        """Return *finding* as an error."""
        error = UnreadableError if finding.kind is Kind.UNREADABLE else NotAdditiveError
        return error(self._message(finding), migration=self.migration.name, hint=finding.hint)

    def _message(self, finding: Finding) -> str:
        """Return what is said of *finding*."""
        if finding.kind is Kind.UNREADABLE:
            return f"{finding.label} cannot be judged: {finding.why}"
        if self.migration.phase is Phase.CONTRACT:
            return f"{finding.label} is refused: {finding.why}"
        if finding.kind is Kind.BLOCKING:
            return f"{finding.label} blocks: {finding.why}"
        return f"{finding.label} is refused in an expand: {finding.why}"


def normal(label: str) -> str:
    """Return *label* as labels are compared: in capitals, with single spaces."""
    return " ".join(label.upper().split())


def judge(
    migration: Migration, statements: Iterable[Statement | str], dialect: Dialect
) -> list[Violation]:
    """Return why *statements*, all that *migration* sends to *dialect* in order, may not run.

    An expand may only add; what cannot be judged passes when the migration's `allow` has
    its label. A contract may do anything that can be read.
    """
    judge = Judge(migration, dialect)
    return [violation for statement in statements for violation in judge.look(statement)]


def enforce(migration: Migration, statements: Iterable[Statement | str], dialect: Dialect) -> None:
    """Raise NotAdditiveError or UnreadableError for the first of *statements* that may not run."""
    judge = Judge(migration, dialect)
    for statement in statements:
        judge.refuse(statement)


def refuse(migration: Migration, statement_text: str, dialect: Dialect) -> None:
    """Raise NotAdditiveError or UnreadableError if the statement may not run.

    It is judged without regard to those before it, so a table that the same migration
    made counts as in use: a Judge remembers.
    """
    Judge(migration, dialect).refuse(statement_text)


def check(project: Project) -> Iterator[Violation]:
    """Yield what expands may not do, as rendered for each database."""
    for rendered in project.rendered:
        looking = Judge(rendered.migration, rendered.dialect)
        for statement in rendered.statements:
            for violation in looking.look(statement):
                yield replace(violation, line=rendered.line_of(statement))


def allowed(
    migration: Migration, statements: Sequence[Statement | str], dialect: Dialect
) -> Iterator[Finding]:
    """Yield the findings that pass only because *migration* vouches for them."""
    judge = Judge(migration, dialect)
    for statement in statements:
        for finding, passes in judge.findings(statement):
            if passes:
                yield finding
