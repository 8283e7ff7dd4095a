"""unloadable: every migration can be loaded, and no two transitions have one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.errors import MigrationError
from migrator.lint.violation import Violation
from migrator.migration import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.manifest import Manifest
    from migrator.migration import Migration


def load_each(manifest: Manifest) -> tuple[tuple[Migration, ...], list[Violation]]:
    """Return the migrations that can be loaded, and why the others cannot."""
    migrations: list[Migration] = []
    violations: list[Violation] = []
    for entry in manifest.entries:
        try:
            migrations.append(load(entry, manifest.folder))
        except MigrationError as error:
            violations.append(
                Violation(
                    rule="unloadable",
                    severity="error",
                    migration=entry.name,
                    message=error.message.removeprefix(f"{entry.name}: "),
                    hint=error.hint,
                    path=manifest.folder / entry.main,
                )
            )
    return tuple(migrations), [*violations, *_named_twice(migrations)]


def _named_twice(migrations: Sequence[Migration]) -> Iterator[Violation]:
    """Yield the transitions whose name is taken: checkpoints are kept by name."""
    declared: dict[str, Migration] = {}
    for migration in migrations:
        for transition in migration.transitions:
            first = declared.setdefault(transition.name, migration)
            if first is not migration:
                yield Violation(
                    rule="transition-name",
                    severity="error",
                    migration=migration.name,
                    message=f"declares {transition.name}, as {first.name} does already",
                    hint="checkpoints are kept by name: give this one its own",
                )
