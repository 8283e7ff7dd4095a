"""Status: where a database is, what is left to do, and what stands in the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator import checkpoint, history
from migrator.errors import TransitionError
from migrator.guard import Blocker, blockers
from migrator.migration import Phase, hash_files, load_all
from migrator.plan import edited, refuse_edited, transitions_due
from migrator.remaining import remaining
from migrator.transitions.batch import reflect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a transition is: numbers of rows, as the database has them now."""

    name: str
    table: str
    declared_in: int
    completed_by: int | None
    """Number of the contract that completes it, None while there is none."""
    rows: int = 0
    movable: int = 0
    skipped: int = 0
    failed: int = 0
    problem: str | None = None
    """Why the rows could not be counted."""
    reasons: Mapping[str, int] | None = None
    """Reason → number of rows in quarantine for it."""
    workers: tuple[str, ...] = ()
    """Processes that hold a lease on a range."""

    @property
    def pending(self) -> int:
        """Rows that still need the transition."""
        return self.movable + self.skipped + self.failed

    @property
    def percent(self) -> float:
        """Share of the rows that need it no more; 100 only when there is not one left."""
        if not self.pending:
            return 100.0
        return min(99.9, 100.0 * (self.rows - self.pending) / max(self.rows, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a database is."""

    version: int
    release: str | None
    latest: int
    pending: tuple[Pending, ...]
    transitions: tuple[Progress, ...]
    contract: Pending | None
    """The next contract, when all before it is applied or it is all that is left."""
    blockers: tuple[Blocker, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the status as `--json` shows it."""
        shown = asdict(self)
        for each, progress in zip(shown["transitions"], self.transitions, strict=True):
            each |= {"pending": progress.pending, "percent": round(progress.percent, 1)}
        return shown


def status(connection: Connection, manifest: Manifest) -> Status:
    """Look where the database of *connection* is on the way of *manifest*; change nothing.

    Raises HistoryDivergedError when what is applied is not what the manifest says.
    """
    applied = history.read(connection)
    _refuse_diverged(manifest, applied)
    migrations = load_all(manifest)
    done = {each.version for each in applied if each.complete}
    half = {each.version for each in applied} - done
    contract = _next_contract(migrations, done)
    return Status(
        version=max(done, default=0),
        release=manifest.release_of(max(done)) if done else None,
        latest=manifest.latest,
        pending=tuple(_pending(each, half) for each in migrations if each.number not in done),
        transitions=tuple(_transitions(connection, migrations, applied)),
        contract=None if contract is None else _pending(contract, half),
        blockers=() if contract is None else _blockers(connection, contract, migrations, done),
    )


def _refuse_diverged(manifest: Manifest, applied: Sequence[Applied]) -> None:
    """Raise HistoryDivergedError unless the history is a part of the manifest."""
    numbers = {each.version for each in applied}
    hashes = {
        entry.number: hash_files(entry, manifest.folder)
        for entry in manifest.entries
        if entry.number in numbers
    }
    refuse_edited(edited(manifest, applied, hashes))


def _pending(migration: Migration, half: Collection[int]) -> Pending:
    return Pending(
        number=migration.number,
        name=migration.name,
        phase=migration.phase.value,
        doc=migration.doc,
        half_applied=migration.number in half,
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


def _blockers(
    connection: Connection,
    contract: Migration,
    migrations: Iterable[Migration],
    done: Collection[int],
) -> tuple[Blocker, ...]:
    """Return what blocks *contract* now."""
    completed = tuple(
        transition
        for migration in migrations
        if migration.number in done
        for transition in migration.transitions
        if transition.name in contract.completes
    )
    return blockers(connection, contract, completed)


def _transitions(
    connection: Connection, migrations: Sequence[Migration], applied: Sequence[Applied]
) -> Iterator[Progress]:
    """Yield how far each transition is that is declared and not yet completed."""
    contracts = {name: each.number for each in migrations for name in each.completes}
    for migration, transition in transitions_due(migrations, applied):
        yield _progress(connection, transition, migration.number, contracts)


def _progress(
    connection: Connection, transition: Transition, number: int, contracts: Mapping[str, int]
) -> Progress:
    """Return how far *transition* is."""
    found = Progress(
        name=transition.name,
        table=transition.table,
        declared_in=number,
        completed_by=contracts.get(transition.name),
    )
    try:
        table = reflect(connection, transition)
    except TransitionError as error:
        return replace(found, problem=error.message)
    movable, skipped, failed = remaining(connection, transition)
    rows = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    found = replace(found, rows=rows, movable=movable, skipped=skipped, failed=failed)
    if not sa.inspect(connection).has_table(checkpoint.LEASE.name):
        return found
    kept = checkpoint.quarantined(connection, transition.name)
    leases = checkpoint.leases(connection, transition.name)
    return replace(
        found,
        reasons=Counter(reason for _key, reason in kept),
        workers=tuple(each.owner for each in leases),
    )
