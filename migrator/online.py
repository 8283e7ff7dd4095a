"""Online migration: transitions run in batches, beside the application that uses the tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.history import ensure
from migrator.session import ATTEMPTS, Retry, Session
from migrator.worker import Batch, Waiting, Worker, remaining

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from migrator.transitions.transition import Transition

Event = Batch | Retry | Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one transition: all but *completed* is what the database holds at the end."""

    transition: str
    table: str
    completed: int
    skipped: int
    failed: int
    movable: int
    seconds: float

    @property
    def needed(self) -> int:
        """Rows that needed the transition: moved by this run, or pending after it."""
        return self.completed + self.skipped + self.failed + self.movable


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How batches are run."""

    max_count: int | None = None
    """Rows to move at the most, over all transitions; None: until done."""
    batch_size: int | None = None
    """Rows of a batch; None: adapted to the time that a batch takes."""
    retry_failed: bool = False
    """Try the rows in quarantine again."""
    attempts: int = ATTEMPTS
    """How often a transaction is tried that meets a lock, a deadlock or a lost connection."""
    sleep: Callable[[float], None] = time.sleep


def migrate(
    engine: Engine,
    transitions: Sequence[Transition],
    options: Options | None = None,
    *,
    on_event: Callable[[Event], None] = lambda _event: None,
) -> tuple[Outcome, ...]:
    """Run *transitions* in batches until they are done or *max_count* rows are moved.

    It may run beside the application, and beside itself: ranges of keys are leased in the
    database. A process that is killed leaves a lease behind, which runs out.
    """
    chosen = options or Options()
    left = chosen.max_count
    outcomes = []
    with Session(engine, on_retry=on_event, attempts=chosen.attempts, sleep=chosen.sleep) as session:
        session.run(ensure)
        for transition in transitions:
            outcome = _migrate(session, transition, left, chosen, on_event)
            left = None if left is None else max(0, left - outcome.completed)
            outcomes.append(outcome)
    return tuple(outcomes)


def _migrate(
    session: Session,
    transition: Transition,
    left: int | None,
    options: Options,
    on_event: Callable[[Event], None],
) -> Outcome:
    """Run one transition within what is *left* of the count."""
    started = time.perf_counter()
    worker = Worker(session, transition, batch_size=options.batch_size)
    worker.start(retry_failed=options.retry_failed)
    completed = 0
    for event in worker.batches(left):
        completed += event.completed if isinstance(event, Batch) else 0
        on_event(event)
    movable, skipped, failed = session.run(lambda c: remaining(c, transition))
    return Outcome(
        transition=transition.name,
        table=transition.table,
        completed=completed,
        skipped=skipped,
        failed=failed,
        movable=movable,
        seconds=time.perf_counter() - started,
    )
