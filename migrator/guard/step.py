"""Contract: run a contract's statements so that the last look and the drop are one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from migrator.guard.value import Record, Work
    from migrator.migration import Migration
    from migrator.transitions.transition import Transition


def contract(
    engine: Engine,
    migration: Migration,
    transitions: Sequence[Transition],
    work: Work,
    *,
    record: Record,
    lock_timeout: float = 1.0,
    attempts: int = 10,
    override: str | None = None,
    on_event: Callable[[str], None] = lambda line: None,
) -> None:
    """Run *work*, what *migration* sends, once nothing that it completes is pending.

    The caller holds the runner's lock and has chosen *transitions*, those that *migration*
    completes, and *work*: its rendered statements, or a function of a connection when they
    cannot be rendered (SQLite's batch mode). The guard opens its own connections from
    *engine*, writes *record* in the same step as the drop, and may be called again after a
    crash at any point: it goes on from what the catalogue says.

    *lock_timeout* is in seconds, for each of *attempts* tries, with growing pauses between.
    *override* is the operator's reason to drop in spite of blockers; it goes into the
    history's note with who, where, when and the counts. *on_event* gets lines for people,
    such as ``fenced flavors: writes of memory_mb are refused from now on``.

    Raises GuardError (nothing changed, no fence left) with its blockers, LockedError when no
    try got its locks, and StepError when the database refused one of the statements.
    """
    raise NotImplementedError
