"""A job: one step of the plan with all that it will send, judged before anything runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator import sql
from migrator.dialects import dialect_of
from migrator.errors import ConfigurationError, UnreadableError
from migrator.lint import additive, raw_connection
from migrator.migration import Phase, hash_files, load_all, read_files, write
from migrator.migration.module import importable
from migrator.plan import Edited, Plan, Step, edited, pending, plan, refuse_edited, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Dialect as SQLAlchemyDialect

    from migrator.dialects import Dialect
    from migrator.manifest import Manifest
    from migrator.migration import Migration
    from migrator.plan import Applied
    from migrator.sql import Effect, Statement
    from migrator.transitions import Transition

LOCK_TIMEOUT_SECONDS = 2.0
SHORTEST_SECONDS = 0.001
LONGEST_SECONDS = 3600.0
ATTEMPTS = 10
LIVE = "python"
"""What a migration allows that cannot be rendered and has to run to be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an operator asks for."""

    target: str | None = None
    """Version or release; None for the latest."""
    expand_only: bool = False
    accepted: tuple[int, ...] = ()
    """Applied migrations whose edited files are taken as they are."""
    interrupted: bool | None = None
    """Whether the statement that was interrupted did run, where the database cannot tell."""
    override: str | None = None
    """Why contracts may drop in spite of what blocks them."""
    lock_timeout: float = LOCK_TIMEOUT_SECONDS
    attempts: int = ATTEMPTS
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not SHORTEST_SECONDS <= self.lock_timeout <= LONGEST_SECONDS:
            raise ConfigurationError(
                f"a lock timeout of {self.lock_timeout:g} s, expected one from "
                f"{SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}",
                hint="while a statement waits, all others wait behind it: raise --attempts",
            )
        if self.override is not None and not self.override.strip():
            raise ConfigurationError("the guard is not overridden without a reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One migration and what it sends to this database."""

    step: Step
    statements: tuple[Statement, ...] | None
    """None when that is known only while it runs."""
    transitions: tuple[Transition, ...] = ()
    """Those that a contract completes."""
    rehearsed: bool = False
    """Whether *statements* may depend on what the database holds."""

    @property
    def migration(self) -> Migration:
        """The migration of the step."""
        return self.step.migration

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each statement."""
        return tuple(each.text for each in self.statements or ())

    @property
    def touched(self) -> frozenset[str] | None:
        """The tables that its statements name and do not make; None when that is not known."""
        if self.statements is None or any(each.leaves_open for each in self.statements):
            return None
        effects = [effect for each in self.statements for effect in each.effects]
        made = {each.name for each in effects if _is_new_table(each)}
        named = tables_of(effects)
        return None if named is None else named - made

    @property
    def runs_unread(self) -> bool:
        """Whether it may run what cannot be read: a function, a DO, a view of such."""
        return self.touched is None or any(
            effect.thing == "materialized view"
            for each in self.statements or ()
            for effect in each.effects
        )

    @property
    def is_known_expand(self) -> bool:
        """Whether it begins afresh and sends nothing but the statements that are known."""
        expands = self.migration.phase is Phase.EXPAND
        return expands and self.statements is not None and self.step.resumes is None

    def fits_one_transaction(self, dialect: Dialect) -> bool:
        """Return whether it is applied all at once or not at all."""
        return (
            dialect.capabilities.transactional_ddl
            and self.step.resumes is None
            and not any(each.concurrent for each in self.statements or ())
        )


def _is_new_table(effect: Effect) -> bool:
    """Return whether *effect* makes a table that was surely not there, and hides none.

    One in a schema that is named may come before another schema's table of the same name.
    """
    new = (effect.verb, effect.thing, effect.maybe) == ("add", "table", False)
    return new and effect.schema is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a sync would do to a database as it is now."""

    applied: tuple[Applied, ...]
    edited: tuple[Edited, ...]
    plan: Plan
    jobs: tuple[Job, ...]
    left: tuple[Job, ...]
    """Contracts that are left pending."""

    @property
    def version(self) -> int:
        """Highest version that is applied now; 0 for none."""
        return max((each.version for each in self.applied if each.complete), default=0)


def prepare(
    applied: Sequence[Applied], manifest: Manifest, dialect: SQLAlchemyDialect, options: Options
) -> Prepared:
    """Plan, render and judge all that is to be done to a database where *applied* is applied.

    Raises PlanError where there is no plan, NotAdditiveError and UnreadableError for an
    expand that may not run.
    """
    found = edited(manifest, applied, _hashes(manifest, applied))
    refuse_edited(found, options.accepted)
    target = target_of(manifest, applied, options.target)
    entries = pending(manifest, applied, target)
    folder = manifest.folder
    contents = {entry.number: read_files(entry, folder) for entry in entries}
    for entry in entries:
        raw_connection.refuse(entry, folder, contents[entry.number])
    with importable(folder):
        migrations = load_all(manifest, contents, contents=contents)
        made = plan(migrations, applied, target=target, expand_only=options.expand_only)
        declared = _declared(manifest, made)
        return Prepared(
            applied=tuple(applied),
            edited=found,
            plan=made,
            jobs=tuple(_job(step, dialect, declared) for step in made.steps),
            left=tuple(_job(Step(migration=each), dialect, declared) for each in made.left),
        )


def _hashes(manifest: Manifest, applied: Sequence[Applied]) -> Mapping[int, str]:
    """Return the digest of the files of each entry that is applied."""
    known = {each.version for each in applied}
    return {
        entry.number: hash_files(entry, manifest.folder)
        for entry in manifest.entries
        if entry.number in known
    }


def _declared(manifest: Manifest, made: Plan) -> Mapping[str, Transition]:
    """Return every transition by name, when the plan has contracts that complete some."""
    if not any(each.completes for each in (*(step.migration for step in made.steps), *made.left)):
        return {}
    return {each.name: each for migration in load_all(manifest) for each in migration.transitions}


def _job(step: Step, dialect: SQLAlchemyDialect, declared: Mapping[str, Transition]) -> Job:
    migration = step.migration
    statements = _statements(migration, dialect)
    if statements is not None:
        additive.enforce(migration, statements, dialect_of(dialect))
    return Job(
        step=step,
        statements=statements,
        transitions=tuple(declared[name] for name in migration.completes),
    )


def _statements(migration: Migration, dialect: SQLAlchemyDialect) -> tuple[Statement, ...] | None:
    """Return what *migration* sends, or None when it may run unseen and has to.

    A query of an expand is left out: nobody would see its result, and a view that it reads
    may call what writes.
    """
    ours = dialect_of(dialect)
    try:
        texts = write(migration, ours, dialect)
    except UnreadableError:
        if LIVE in migration.allow:
            return None
        raise
    read = (statement for text in texts for statement in sql.read_all(text, ours))
    expands = migration.phase is Phase.EXPAND
    return tuple(each for each in read if not (expands and each.asks))


def tables_of(effects: Iterable[Effect]) -> frozenset[str] | None:
    """Return the tables that *effects* are on; None when one of them does not say."""
    names = [each.table or each.name for each in effects]
    known = frozenset(each for each in names if each is not None)
    return known if None not in names else None
