"""allowed, unused-allow: what passes only because a migration says so is shown, with why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint import additive
from migrator.lint.additive import normal
from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project
    from migrator.migration import Migration

_ELSEWHERE = frozenset({"PYTHON", "RAW-CONNECTION", "BLOCKING-INDEX", "BLOCKING-FOREIGN-KEY"})
"""Labels that no statement has."""


def check(project: Project) -> Iterator[Violation]:
    """Yield each label in `allow` with its reason, and whether nothing needs it."""
    for migration in project.migrations:
        used = _used(project, migration) | _ELSEWHERE
        for label in migration.allow:
            yield _shown(project, migration, label)
            if normal(label) not in used and _is_rendered(project, migration):
                yield _unused(project, migration, label)


def _used(project: Project, migration: Migration) -> set[str]:
    """Return the labels without which a statement of *migration* would be refused."""
    return {
        normal(finding.label)
        for rendered in project.rendered
        if rendered.migration is migration
        for finding in additive.allowed(migration, rendered.statements, rendered.dialect)
    }


def _is_rendered(project: Project, migration: Migration) -> bool:
    """Return whether it is known for every database what *migration* sends."""
    rendered = [each for each in project.rendered if each.migration is migration]
    return len(rendered) == len(project.dialects)


def _shown(project: Project, migration: Migration, label: str) -> Violation:
    """Return that *label* may pass, and why."""
    return Violation(
        rule="allowed",
        severity="info",
        migration=migration.name,
        message=f"allows {label}: {migration.reason}",
        path=project.manifest.folder / f"{migration.name}.py",
    )


def _unused(project: Project, migration: Migration, label: str) -> Violation:
    """Return that nothing needs *label*."""
    return Violation(
        rule="unused-allow",
        severity="warning",
        migration=migration.name,
        message=f"allows {label}, and sends nothing that needs it",
        hint="take it out of allow: it would let pass what nobody has looked at",
        path=project.manifest.folder / f"{migration.name}.py",
    )
