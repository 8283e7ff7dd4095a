"""completes: a contract completes what an earlier migration declares, once, and drops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project
    from migrator.migration import Migration


def check(project: Project) -> Iterator[Violation]:
    """Yield names in `completes` that are unknown, declared later, or completed before."""
    seen: dict[str, Migration] = {}
    for migration in project.migrations:
        for name in migration.completes:
            problem = _problem(project, migration, name, seen.get(name))
            seen.setdefault(name, migration)
            if problem:
                yield Violation(
                    rule="completes",
                    severity="error",
                    migration=migration.name,
                    message=problem,
                    hint=_hint(project, migration),
                    path=project.manifest.folder / f"{migration.name}.py",
                )


def _problem(
    project: Project, migration: Migration, name: str, before: Migration | None
) -> str | None:
    """Return what is wrong with *name* in the `completes` of *migration*."""
    if name not in project.transitions:
        return f"completes {name!r}, which no migration declares"
    declaring = project.transitions[name][0]
    if declaring.number >= migration.number:
        return f"completes {name!r}, which {declaring.name} declares only later"
    if before is not None:
        return f"completes {name!r}, as {before.name} does already"
    return None


def _hint(project: Project, migration: Migration) -> str | None:
    """Return which transitions there are to complete."""
    names = [
        name
        for name, (declaring, _) in project.transitions.items()
        if declaring.number < migration.number
    ]
    return f"declared before it: {', '.join(names) or 'none'}"
