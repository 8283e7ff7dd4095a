"""Check: every rule over the whole project, one list of violations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.dialects import DIALECTS
from migrator.lint import (
    additive,
    allowed,
    blocking,
    completes,
    dialects_differ,
    missing_test,
    open_transition,
    raw_connection,
    same_release,
    transactional,
    unguarded_drop,
)
from migrator.lint.project import Project, project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.dialects import Dialect
    from migrator.lint.violation import Violation
    from migrator.manifest import Manifest
    from migrator.migration import Migration

Rule = Callable[[Project], Iterator["Violation"]]


def unrenderable(project: Project) -> Iterator[Violation]:
    """Yield why migrations cannot be rendered."""
    yield from project.failures


RULES: tuple[Rule, ...] = (
    unrenderable,
    additive.check,
    raw_connection.check,
    completes.check,
    unguarded_drop.check,
    same_release.check,
    open_transition.check,
    missing_test.check,
    blocking.check,
    transactional.check,
    dialects_differ.check,
    allowed.check,
)
"""Every rule; a new one is a file and a line here."""

_SEVERITIES = ("error", "warning", "info")


def check(
    manifest: Manifest,
    migrations: Sequence[Migration],
    dialects: Sequence[Dialect] = DIALECTS,
    *,
    needed: Dialect | None = None,
) -> list[Violation]:
    """Return the violations of *migrations*, in their order and the worst of each first.

    Each is rendered for every one of *dialects* without a database. *needed* is the one
    that it has to be possible for.
    """
    looked_at = project(manifest, migrations, dialects, needed=needed)
    found = [violation for rule in RULES for violation in rule(looked_at)]
    places = {migration.name: place for place, migration in enumerate(migrations)}
    return sorted(
        merged(found, dialects),
        key=lambda each: (places.get(each.migration, -1), _SEVERITIES.index(each.severity)),
    )


def merged(violations: Iterable[Violation], dialects: Sequence[Dialect]) -> list[Violation]:
    """Return *violations* with those that differ by their database only made one."""
    found: dict[Violation, list[str]] = {}
    for violation in violations:
        names = found.setdefault(replace(violation, dialects=()), [])
        names += (name for name in violation.dialects if name not in names)
    everywhere = {dialect.name for dialect in dialects}
    return [
        replace(violation, dialects=() if set(names) == everywhere else tuple(names))
        for violation, names in found.items()
    ]
