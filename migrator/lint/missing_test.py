"""missing-test: a migration has its test beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project


def check(project: Project) -> Iterator[Violation]:
    """Yield the migrations without a file NAME_test.py."""
    for migration in project.migrations:
        test = project.manifest.folder / f"{migration.name}_test.py"
        if not test.is_file():
            yield Violation(
                rule="missing-test",
                severity="warning",
                migration=migration.name,
                message=f"has no test: {test.name} is not there",
                hint="migrator.testing walks a scratch database to a migration and checks it",
                path=project.manifest.folder / f"{migration.name}.py",
            )
