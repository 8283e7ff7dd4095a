"""same-release: a contract comes in a later release than the expand it completes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project
    from migrator.migration import Migration


def check(project: Project) -> Iterator[Violation]:
    """Yield the contracts that are in one release with an expand whose transition they complete."""
    for migration in project.migrations:
        for name in migration.completes:
            if name in project.transitions:
                yield from _check(project, project.transitions[name][0], migration, name)


def _check(
    project: Project, expand: Migration, contract: Migration, name: str
) -> Iterator[Violation]:
    """Yield that *contract* is in the release of *expand*, if it is."""
    release = project.manifest.release_of(expand.number)
    if release != project.manifest.release_of(contract.number):
        return
    where = f"release {release}" if release else "the next release"
    yield Violation(
        rule="same-release",
        severity="error" if project.manifest.releases else "warning",
        migration=contract.name,
        message=f"completes {name}, which {expand.name} declares in {where} as well",
        hint="the code that still uses the old column has to be gone first: leave the "
        "contract for the next release"
        if project.manifest.releases
        else 'name what was released, so that this can be told: "releases": {"1.0": 4}',
        path=project.manifest.folder / f"{contract.name}.py",
    )
