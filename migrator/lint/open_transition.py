"""open-transition: what was begun is completed by a contract one day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project


def check(project: Project) -> Iterator[Violation]:
    """Yield the transitions that no contract completes: an info in the newest release only."""
    manifest = project.manifest
    completed = {name for migration in project.migrations for name in migration.completes}
    newest = {None, manifest.release_of(manifest.latest), *list(manifest.releases)[-1:]}
    for name, (migration, _) in project.transitions.items():
        if name in completed:
            continue
        release = manifest.release_of(migration.number)
        yield Violation(
            rule="open-transition",
            severity="info" if release in newest else "warning",
            migration=migration.name,
            message=f"no contract completes {name}"
            + (f", begun in release {release}" if release else ""),
            hint=None
            if release in newest
            else "when every row is moved: migrator new --contract, with completes",
            path=manifest.folder / f"{migration.name}.py",
        )
