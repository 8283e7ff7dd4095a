"""Status: where a database is, what is left to do, and what stands in the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator import checkpoint, history
from migrator.errors import TransitionError
from migrator.guard.explain import explained
from migrator.migration import Phase, load_all
from migrator.plan import edited, refuse_edited, transitions_due
from migrator.remaining import Remaining, remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from migrator.guard import Blocker
    from migrator.manifest import Manifest
    from migrator.migration import Migration
    from migrator.plan import Applied
    from migrator.transitions.transition import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A migration that is not applied, or only half."""

    number: int
    name: str
    phase: str
    doc: str
    half_applied: bool = False
    files: tuple[str, ...] = ()
    """As they are found from the folder of the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a transition is: numbers of rows, as the database has them now."""

    name: str
    table: str
    declared_in: int
    completed_by: int | None
    """Number of the contract that completes it, None while there is none."""
    rows: int | None = None
    left: Remaining | None = None
    """Rows that still need it; None, as *rows* is, when they were not counted."""
    problem: str | None = None
    """Why the rows could not be counted."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Reason → number of rows in quarantine for it."""
    workers: tuple[str, ...] = ()
    """Processes that hold a lease on a range."""

    @property
    def pending(self) -> int | None:
        """How many rows still need the transition."""
        return None if self.left is None else sum(self.left)

    @property
    def percent(self) -> float | None:
        """Share of the rows that need it no more; 100 only when there is not one left."""
        if self.pending is None or self.rows is None:
            return None
        if not self.pending:
            return 100.0
        return min(99.9, 100.0 * (self.rows - self.pending) / max(self.rows, 1))

    def as_json(self) -> dict[str, Any]:
        """Return the progress as `--json` shows it: null for what was not counted."""
        left = self.left._asdict() if self.left else dict.fromkeys(Remaining._fields)
        percent = None if self.percent is None else round(self.percent, 1)
        shown = {**asdict(self), **left, "pending": self.pending, "percent": percent}
        del shown["left"]
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a database is."""

    version: int
    """Highest version that is applied; contracts before it may be pending."""
    release: str | None
    latest: int
    pending: tuple[Pending, ...]
    transitions: tuple[Progress, ...]
    contract: Pending | None
    """The next contract, when all before it is applied or it is all that is left."""
    blockers: tuple[Blocker, ...] | None
    """What blocks it; None when nobody has looked."""

    def as_json(self) -> dict[str, Any]:
        """Return the status as `--json` shows it."""
        return asdict(self) | {"transitions": [each.as_json() for each in self.transitions]}


def status(
    connection: Connection,
    manifest: Manifest,
    *,
    count: bool = True,
    say: Callable[[str], None] = lambda _what: None,
) -> Status:
    """Look where the database of *connection* is on the way of *manifest*; change nothing.

    With *count* whole tables are read; *say* is told what is about to be. Raises
    HistoryDivergedError when what is applied is not what the manifest says.
    """
    applied = history.read(connection)
    migrations = load_all(manifest)
    hashes = {each.number: each.hash for each in migrations}
    refuse_edited(edited(manifest, applied, hashes))
    done = {each.version for each in applied if each.complete}
    half = {each.version for each in applied} - done
    contract = _next_contract(migrations, done)
    transitions = tuple(
        _counted(connection, transition, progress, say) if count else progress
        for transition, progress in _transitions(migrations, applied)
    )
    blockers: tuple[Blocker, ...] | None = None if contract and not count else ()
    if contract and count:
        say(f"looking what blocks contract {contract.number} {contract.name}")
        blockers = explained(connection, contract, migrations).blockers
    return Status(
        version=max(done, default=0),
        release=manifest.release_of(max(done)) if done else None,
        latest=manifest.latest,
        pending=tuple(_pending(each, half) for each in migrations if each.number not in done),
        transitions=transitions,
        contract=None if contract is None else _pending(contract, half),
        blockers=blockers,
    )


def _pending(migration: Migration, half: Collection[int]) -> Pending:
    return Pending(
        number=migration.number,
        name=migration.name,
        phase=migration.phase.value,
        doc=migration.doc,
        half_applied=migration.number in half,
        files=tuple(f"{each.parent.name}/{each.name}" for each in migration.files),
    )


def _next_contract(migrations: Iterable[Migration], done: Collection[int]) -> Migration | None:
    """Return the first contract that is not applied though its transitions are declared."""
    declared = {
        each.name
        for migration in migrations
        if migration.number in done
        for each in migration.transitions
    }
    for migration in migrations:
        if migration.phase is Phase.CONTRACT and migration.number not in done:
            return migration if declared.issuperset(migration.completes) else None
    return None


def _transitions(
    migrations: Sequence[Migration], applied: Sequence[Applied]
) -> Iterator[tuple[Transition, Progress]]:
    """Yield each transition that is declared and not yet completed."""
    contracts = {name: each.number for each in migrations for name in each.completes}
    for migration, transition in transitions_due(migrations, applied):
        progress = Progress(
            name=transition.name,
            table=transition.table,
            declared_in=migration.number,
            completed_by=contracts.get(transition.name),
        )
        yield transition, progress


def _counted(
    connection: Connection, transition: Transition, progress: Progress, say: Callable[[str], None]
) -> Progress:
    """Return *progress* with the rows of *transition* as they are now."""
    say(f"counting rows of {transition.table} for {transition.name}")
    try:
        left = remaining(connection, transition)
    except TransitionError as error:
        return replace(progress, problem=error.message)
    table = sa.table(transition.table, schema=transition.schema)
    rows = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    counted = replace(progress, rows=rows, left=left)
    if not sa.inspect(connection).has_table(checkpoint.LEASE.name):
        return counted
    kept = checkpoint.quarantined(connection, transition.name)
    leases = checkpoint.leases(connection, transition.name)
    return replace(
        counted,
        reasons=Counter(reason for _key, reason in kept),
        workers=tuple(each.owner for each in leases),
    )
