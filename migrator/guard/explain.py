"""The guard explained: what each pending contract drops, and what blocks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator import history
from migrator.dialects import dialect_of
from migrator.errors import MigrationError, PlanError, UnreadableError
from migrator.guard.fence import fence_of, standing
from migrator.guard.hint import unseen
from migrator.guard.look import found
from migrator.guard.reach import reach
from migrator.migration import Phase, load_all, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from migrator.guard.reach import Reach
    from migrator.guard.value import Blocker, Work
    from migrator.lint.losses import Loss
    from migrator.manifest import Manifest
    from migrator.migration import Migration
    from migrator.transitions.transition import Transition


SHOWN = ("number", "name", "doc", "completes", "abandons", "drops", "takes", "fenced", "fences")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One pending contract before the guard."""

    number: int
    name: str
    doc: str
    completes: tuple[str, ...]
    abandons: tuple[str, ...]
    drops: tuple[str, ...]
    """Columns and tables that go."""
    takes: tuple[str, ...]
    """What else it takes away: 'narrows instances.locked'."""
    fenced: tuple[str, ...]
    """Transitions whose late writers a fence refuses; those of others wait for a lock."""
    fences: tuple[str, ...]
    """Fences that stand now: of a contract that runs, or that was killed."""
    blockers: tuple[Blocker, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the contract as `--json` shows it."""
        return {
            **{name: getattr(self, name) for name in SHOWN},
            "open": not self.blockers,
            "blockers": [blocker.as_json() for blocker in self.blockers],
        }


def explain(
    connection: Connection, manifest: Manifest, wanted: str | None = None
) -> tuple[Explained, ...]:
    """Return what blocks the contract *wanted*, by number or name, or each that is pending.

    Changes nothing. Raises PlanError when *wanted* is no contract that is pending.
    """
    migrations = load_all(manifest)
    chosen = pending_contracts(connection, migrations, wanted)
    try:
        return tuple(explained(connection, each, migrations) for each in chosen)
    except sa.exc.DBAPIError as error:
        raise unseen(dialect_of(connection.dialect), error) from None


def pending_contracts(
    connection: Connection, migrations: Sequence[Migration], wanted: str | None
) -> tuple[Migration, ...]:
    """Return the contracts that are pending, or the one of them that is *wanted*."""
    done = {each.version for each in history.read(connection) if each.complete}
    contracts = tuple(
        each for each in migrations if each.phase is Phase.CONTRACT and each.number not in done
    )
    if wanted is None:
        return contracts
    chosen = tuple(each for each in contracts if wanted in {str(each.number), each.name})
    if not chosen:
        names = ", ".join(f"{each.number} {each.name}" for each in contracts) or "none"
        raise PlanError(
            f"{wanted!r} is not a contract that is pending", hint=f"pending contracts: {names}"
        )
    return chosen


def completed_by(contract: Migration, migrations: Iterable[Migration]) -> tuple[Transition, ...]:
    """Return the transitions that *contract* completes; raise MigrationError for unknown ones."""
    declared = {each.name: each for migration in migrations for each in migration.transitions}
    unknown = [name for name in contract.completes if name not in declared]
    if unknown:
        raise MigrationError(
            f"completes {unknown[0]!r}, which no migration declares", migration=contract.name
        )
    return tuple(declared[name] for name in contract.completes)


def explained(
    connection: Connection, contract: Migration, migrations: Sequence[Migration]
) -> Explained:
    """Return what blocks *contract*, one of *migrations*, and what it would do."""
    dialect = dialect_of(connection.dialect)
    transitions = completed_by(contract, migrations)
    reached = reach(contract, transitions, _work(connection, contract), dialect)
    return Explained(
        number=contract.number,
        name=contract.name,
        doc=contract.doc,
        completes=contract.completes,
        abandons=tuple(contract.abandons),
        drops=tuple(sorted(map(str, reached.dropped))),
        takes=tuple(each.what for each in reached.losses if not _is_drop(each, reached)),
        fenced=tuple(each.name for each in transitions if fence_of(connection, each)),
        fences=tuple(sorted(standing(connection, transitions))),
        blockers=tuple(found(connection, transitions, reached)),
    )


def _is_drop(loss: Loss, reached: Reach) -> bool:
    """Return whether *loss* is among the columns and tables that go."""
    columns = loss.columns or {None}
    return not loss.narrows and any(
        place[1:] == (loss.table, column) for place in reached.dropped for column in columns
    )


def _work(connection: Connection, contract: Migration) -> Work:
    """Return what *contract* sends, or a function that is never called when it cannot be read."""
    try:
        return render(contract, dialect_of(connection.dialect), connection.dialect)
    except UnreadableError:
        return _unseen


def _unseen(_connection: Connection) -> None:
    """Stand for what is known only while it runs."""
