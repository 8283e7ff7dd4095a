"""concurrent-alone, validated-at-once: what gives away what a transaction or a lock is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.violation import Violation
from migrator.migration import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project, Rendered


def check(project: Project) -> Iterator[Violation]:
    """Yield migrations that cannot be undone as a whole, or that scan under a strong lock."""
    for rendered in project.rendered:
        yield from _concurrent(rendered)
    for rendered in project.of(Phase.EXPAND):
        yield from _validated(rendered)


def _concurrent(rendered: Rendered) -> Iterator[Violation]:
    """Yield that a statement that runs outside a transaction is not alone."""
    concurrent = [each for each in rendered.statements if each.concurrent]
    if concurrent and len(rendered.statements) > 1:
        yield _violation(
            rendered,
            "concurrent-alone",
            f"{concurrent[0].called} CONCURRENTLY is not the only statement, "
            "so the migration is not one transaction",
            "give each index that is built concurrently a migration of its own",
        )


def _validated(rendered: Rendered) -> Iterator[Violation]:
    """Yield that a constraint is validated by the migration that adds it."""
    added = {each.name for each in rendered.effects if (each.verb, each.thing) == _ADDED}
    for effect in rendered.effects:
        if effect.verb == "validate" and effect.name in added:
            yield _violation(
                rendered,
                "validated-at-once",
                f"constraint {effect.name} is validated in the transaction that adds it, "
                "under its strong lock",
                "validate it in the next migration: its lock lets others read and write",
            )


_ADDED = ("add", "constraint")


def _violation(rendered: Rendered, rule: str, message: str, hint: str) -> Violation:
    """Return a warning about what *rendered* sends."""
    return Violation(
        rule=rule,
        severity="warning",
        migration=rendered.migration.name,
        message=message,
        hint=hint,
        path=rendered.migration.source(rendered.dialect).path,
        dialects=(rendered.dialect.name,),
    )
