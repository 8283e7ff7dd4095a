"""Online migration: transitions run in batches, beside the application that uses the tables."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.errors import DatabaseError, LostError, MigratorError, OnlineError, TransitionError
from migrator.history import ensure
from migrator.remaining import Remaining
from migrator.session import ATTEMPTS, Retry, Session
from migrator.worker import Batch, Waiting, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Engine

    from migrator.transitions.transition import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A transition is about to be run; *movable* is None where nobody wanted it counted."""

    transition: str
    table: str
    movable: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one transition: all but *completed* is what the database holds at the end."""

    transition: str
    table: str
    completed: int = 0
    skipped: int = 0
    failed: int = 0
    movable: int = 0
    seconds: float = 0.0
    error: MigratorError | None = None
    """Why it stopped: then nothing is known of the rows."""

    @property
    def needed(self) -> int:
        """Rows that needed the transition: moved by this run, or pending after it."""
        return self.completed + self.skipped + self.failed + self.movable


Event = Started | Batch | Retry | Waiting | Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How batches are run."""

    max_count: int | None = None
    """Rows to move at the most, over all transitions; None: until done."""
    batch_size: int | None = None
    """Rows of a batch; None: adapted to the time that a batch takes."""
    retry_failed: bool = False
    """Try the rows in quarantine again."""
    count_first: bool = False
    """Count the movable rows before they are moved, for somebody who watches."""
    keep_going: bool = False
    """Run the next transition when one cannot go on; its outcome has the error."""
    attempts: int = ATTEMPTS
    """How often a transaction is tried that meets a lock, a deadlock or a lost connection."""
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


def migrate(
    engine: Engine,
    transitions: Sequence[Transition],
    options: Options | None = None,
    *,
    on_event: Callable[[Event], None] = lambda _event: None,
) -> tuple[Outcome, ...]:
    """Run *transitions* in batches until they are done or *max_count* rows are moved.

    It may run beside the application, and beside itself: ranges of keys are leased in the
    database. A process that is killed leaves a lease behind, which the next one ends.
    """
    chosen = options or Options()
    left = chosen.max_count
    outcomes = []
    with Session(
        engine, on_retry=on_event, attempts=chosen.attempts, sleep=chosen.sleep
    ) as session:
        session.run(ensure, doing="creating migrator's own tables")
        for transition in transitions:
            outcome = _migrate(session, transition, left, chosen, on_event)
            left = None if left is None else max(0, left - outcome.completed)
            outcomes.append(outcome)
            on_event(outcome)
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
    completed, rest, stopped = 0, Remaining(0, 0, 0), None
    try:
        worker = Worker(
            session, transition, batch_size=options.batch_size, retry_failed=options.retry_failed
        )
        movable = worker.remaining().movable if options.count_first else None
        on_event(Started(transition=transition.name, table=transition.table, movable=movable))
        for event in worker.batches(left):
            completed += event.completed if isinstance(event, Batch) else 0
            on_event(event)
        rest = worker.remaining()
    except (TransitionError, OnlineError, DatabaseError) as error:
        if not options.keep_going or isinstance(error, LostError):
            raise
        stopped = error
    return Outcome(
        transition=transition.name,
        table=transition.table,
        completed=completed,
        skipped=rest.skipped,
        failed=rest.failed,
        movable=rest.movable,
        seconds=time.perf_counter() - started,
        error=stopped,
    )
