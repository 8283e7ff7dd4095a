"""A project: the manifest, its migrations, and what they send to each database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from migrator.errors import MigratorError, UnreadableError
from migrator.lint.violation import Violation
from migrator.migration import Phase, SqlSource, render
from migrator.sql import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migrator.dialects import Dialect
    from migrator.manifest import Manifest
    from migrator.migration import Migration
    from migrator.sql import Effect, Statement
    from migrator.transitions import Transition

LIVE = "python"
"""What a migration allows that cannot be rendered and has to run to be known."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What one migration sends to one database."""

    migration: Migration
    dialect: Dialect
    texts: tuple[str, ...]

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements, read."""
        return tuple(each for text in self.texts for each in read_all(text, self.dialect))

    @property
    def effects(self) -> Iterator[Effect]:
        """What the statements do, in their order."""
        for statement in self.statements:
            yield from statement.effects

    def line_of(self, statement: Statement) -> int | None:
        """Return the line of *statement* in its file of SQL, None in another."""
        source = self.migration.source(self.dialect)
        if not isinstance(source, SqlSource) or statement.text not in source.text:
            return None
        return source.text.count("\n", 0, source.text.index(statement.text)) + 1


@dataclass(frozen=True, kw_only=True)
class Project:
    """What the rules look at. Nothing of it comes from a database."""

    manifest: Manifest
    migrations: tuple[Migration, ...]
    dialects: tuple[Dialect, ...]
    rendered: tuple[Rendered, ...]
    failures: tuple[Violation, ...] = ()
    """Why migrations could not be rendered."""

    def of(self, phase: Phase) -> Iterator[Rendered]:
        """Yield what the migrations of *phase* send."""
        return (each for each in self.rendered if each.migration.phase is phase)

    @cached_property
    def transitions(self) -> Mapping[str, tuple[Migration, Transition]]:
        """Each transition by its name, with the migration that declares it."""
        return {
            transition.name: (migration, transition)
            for migration in self.migrations
            for transition in migration.transitions
        }

    def completed(self, migration: Migration) -> Iterator[Transition]:
        """Yield the transitions that *migration* completes, as far as they are known."""
        for name in migration.completes:
            if name in self.transitions:
                yield self.transitions[name][1]


def project(
    manifest: Manifest,
    migrations: Sequence[Migration],
    dialects: Sequence[Dialect],
    *,
    needed: Dialect | None = None,
) -> Project:
    """Return the project of *migrations*, rendered for each of *dialects* without a database.

    A migration that cannot be rendered is an error for the database that is *needed*, and
    when no other of them can render it; else a warning.
    """
    rendered: list[Rendered] = []
    failures: list[Violation] = []
    for migration in migrations:
        found, failed = _render(migration, dialects)
        rendered += found
        failures += (_graded(each, rendered=bool(found), needed=needed) for each in failed)
    return Project(
        manifest=manifest,
        migrations=tuple(migrations),
        dialects=tuple(dialects),
        rendered=tuple(rendered),
        failures=tuple(failures),
    )


def _graded(failure: Violation, *, rendered: bool, needed: Dialect | None) -> Violation:
    """Return *failure* as a warning when another database is the one that matters."""
    matters = not rendered or (needed is not None and needed.name in failure.dialects)
    return (
        failure if matters or failure.severity == "info" else replace(failure, severity="warning")
    )


def _render(
    migration: Migration, dialects: Sequence[Dialect]
) -> tuple[list[Rendered], list[Violation]]:
    """Return what *migration* sends to each database, and why it could not be rendered."""
    rendered, failures = [], []
    for dialect in dialects:
        try:
            texts = render(migration, dialect)
        except MigratorError as error:
            failures.append(_failure(migration, dialect, error))
        else:
            rendered.append(Rendered(migration=migration, dialect=dialect, texts=texts))
    return rendered, failures


def _failure(migration: Migration, dialect: Dialect, error: MigratorError) -> Violation:
    """Return why *migration* could not be rendered."""
    vouched = isinstance(error, UnreadableError) and LIVE in migration.allow
    said = "is judged only while it runs" if vouched else "cannot be rendered"
    return Violation(
        rule="unrenderable",
        severity="info" if vouched else "error",
        migration=migration.name,
        message=f"{said}: {error.message.removeprefix(f'{migration.name}: ')}",
        hint=None if vouched else error.hint,
        path=migration.source(dialect).path,
        dialects=(dialect.name,),
    )
