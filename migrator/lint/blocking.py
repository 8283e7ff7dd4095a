"""blocking-index, blocking-foreign-key: what adds and still makes others wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.additive import normal
from migrator.lint.made import Made
from migrator.lint.violation import Violation
from migrator.migration import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project, Rendered


def check(project: Project) -> Iterator[Violation]:
    """Yield what holds a lock for as long as a table, that is not new, is large."""
    for rendered in project.of(Phase.EXPAND):
        yield from _check(rendered)


def _check(rendered: Rendered) -> Iterator[Violation]:
    """Yield what in one migration makes others wait."""
    made = Made(rendered.dialect.syntax)
    vouched = {normal(label) for label in rendered.migration.allow}
    for statement in rendered.statements:
        made.add(statement)
        for caution in statement.cautions:
            if made.excuses_table(caution):
                continue
            passes = normal(caution.rule) in vouched
            yield Violation(
                rule=caution.rule,
                severity="info" if passes else "warning",
                migration=rendered.migration.name,
                message=f"{statement.called} on {caution.table}: {caution.why}",
                hint=None if passes else caution.hint,
                path=rendered.migration.source(rendered.dialect).path,
                line=rendered.line_of(statement),
                dialects=(rendered.dialect.name,),
            )
