"""A worker: one process that moves the pending rows of one transition, batch after batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator import checkpoint
from migrator.errors import BusyError, MigratorError, OnlineError, RowError
from migrator.ranges import Ranges
from migrator.remaining import remaining, which
from migrator.transitions.batch import reflect
from migrator.transitions.transition import Failure, Moved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from migrator.ranges import Leased
    from migrator.remaining import Remaining
    from migrator.session import Session
    from migrator.transitions.batch import Range
    from migrator.transitions.transition import Transition

FIRST_BATCH_SIZE = 1_000
SMALLEST_BATCH_SIZE = 10
LARGEST_BATCH_SIZE = 50_000
TARGET_SECONDS = 0.5
"""Time that a batch shall take: others wait that long, at most, for a row it holds."""
LARGEST_GROWTH = 4.0
POLL_SECONDS = 0.2
LARGEST_PASSES = 20
"""Passes over a table after which it is enough: old code fills it as fast as we empty it."""
LARGEST_QUARANTINE = 1_000
"""Rows in quarantine at which a transition stops: then it is the converter, not the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch is done: of *found* rows, *completed* moved and *failed* could not."""

    transition: str
    found: int
    completed: int
    failed: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Other processes still work on ranges of the transition."""

    transition: str
    owners: tuple[str, ...]


class LeaseLostError(OnlineError):
    """Somebody took our lease for dead: what we did under it is rolled back."""


class Worker:
    """One process at work on *transition*, through *session*.

    A batch is one transaction: it ends the lease on its range, moves the rows, keeps
    those that failed, and counts. Whatever is killed, nothing is lost or done twice.
    """

    def __init__(
        self,
        session: Session,
        transition: Transition,
        *,
        batch_size: int | None = None,
        retry_failed: bool = False,
    ) -> None:
        self.session = session
        self.transition = transition
        self.name = transition.name
        self.ranges = Ranges(session, transition)
        self.fixed_size = batch_size
        self.size = session.run(lambda connection: self._start(connection, again=retry_failed))
        self._has_changed = True
        self._passes = 0
        self._remaining: Remaining | None = None

    def batches(self, max_count: int | None) -> Iterator[Batch | Waiting]:
        """Move rows until none is movable, or *max_count* rows were given out, batch by batch."""
        left = max_count
        while left is None or left > 0:
            leased = self.ranges.take(self.size if left is None else min(self.size, left))
            if leased is not None:
                batch = self._work(leased)
                left = None if left is None else left - batch.completed - batch.failed
                yield batch
            elif left is None and (owners := self.ranges.others()):
                self._has_changed = True
                yield Waiting(transition=self.name, owners=owners)
                self.session.sleep(POLL_SECONDS)
            elif not self._go_round():
                return

    def remaining(self) -> Remaining:
        """Count what is left in the whole table, unless nothing was done since the last count."""
        if self._remaining is None:
            self._remaining = self.session.run(
                lambda connection: remaining(connection, self.transition),
                doing=f"counting the pending rows of {self.name}",
            )
        return self._remaining

    def _start(self, connection: Connection, *, again: bool) -> int:
        """Look at the quarantine and the checkpoint; return the size of the first batch.

        Out of quarantine come all rows to be tried *again*, and those that mended themselves.
        """
        keys = [key for key, _why in checkpoint.quarantined(connection, self.name)]
        pending = self.transition.pending
        kept = which(connection, self.transition, self.ranges.table, keys, pending)
        self.ranges.without = () if again else tuple(key for key in keys if key in kept)
        out = set(keys).difference(self.ranges.without)
        checkpoint.forget(connection, self.name, tuple(out))
        seen = checkpoint.read(connection, self.name)
        return self.fixed_size or seen.batch_size or FIRST_BATCH_SIZE

    def _go_round(self) -> bool:
        """Go back to the start of the table, if rows are left and the last pass did something."""
        self._passes += 1
        if not self._has_changed or self._passes > LARGEST_PASSES or not self.remaining().movable:
            return False
        self._has_changed = False
        self.ranges.go_back()
        return True

    # A batch.

    def _work(self, leased: Leased) -> Batch:
        """Move the rows that are *leased*; those that cannot be moved are set apart."""
        started = time.perf_counter()
        retries = self.session.retries
        try:
            moved = self._move_or_isolate(leased)
        except LeaseLostError:
            moved = Moved(completed=0)
        except BusyError:
            moved = self._postpone(leased)
        seconds = time.perf_counter() - started
        self._remaining = None
        self._has_changed = self._has_changed or moved.completed > 0 or bool(moved.failures)
        done = moved.completed + len(moved.failures)
        self.ranges.learn(leased.rows, done)
        if self.session.retries == retries:
            self._resize(next_size(self.size, found=leased.rows.found, seconds=seconds))
        else:
            self._resize(self.size // 2)
        return Batch(
            transition=self.name,
            found=leased.rows.found if leased.is_counted else done,
            completed=moved.completed,
            failed=len(moved.failures),
            seconds=seconds,
        )

    def _move_or_isolate(self, leased: Leased) -> Moved:
        """Move a range in one transaction, or piece by piece when a row of it is refused."""
        try:
            return self._move(leased.rows, leased.token, ends=True)
        except RowError:
            # Raises TransitionError when the table is no longer what it was: no row's fault.
            self.session.run(lambda connection: reflect(connection, self.transition))
        moved = self._isolate(leased.rows, leased.token)
        self.session.run(lambda connection: checkpoint.give_back(connection, leased.token))
        return moved

    def _move(self, rows: Range, token: str, *, ends: bool) -> Moved:
        """Move *rows* in the transaction that *ends* or renews the lease, and that counts."""

        def work(connection: Connection) -> Moved:
            fence = checkpoint.give_back if ends else checkpoint.renew
            if not fence(connection, token):
                raise LeaseLostError(f"the lease on a range of {self.name} was taken away")
            moved = self._carry(connection, rows)
            checkpoint.quarantine(connection, self.name, moved.failures)
            size = self.size if self.fixed_size is None else None
            checkpoint.count(connection, self.name, moved.completed, batch_size=size)
            return moved

        def was_done(connection: Connection) -> bool:
            return not checkpoint.is_held(connection, token)

        doing = f"moving rows of {self.name}"
        moved = self.session.run(work, doing=doing, was_done=was_done if ends else None)
        self._set_apart(moved.failures)
        return moved

    def _carry(self, connection: Connection, rows: Range) -> Moved:
        """Let the transition move *rows*; what the driver cannot send is said of a row."""
        try:
            return self.transition.move(connection, rows)
        except (sa.exc.SQLAlchemyError, MigratorError):
            raise
        except Exception as error:
            # Its text may hold the row's data.
            raise RowError(f"moving it raised {type(error).__name__}") from None

    def _isolate(self, rows: Range, token: str) -> Moved:
        """Halve *rows* until the one that the database refuses is alone, and set it apart."""
        try:
            return self._move(rows, token, ends=False)
        except RowError as error:
            halves = self.session.run(lambda connection: self._halves(connection, rows))
            if halves is None:
                return self._refuse(rows, error.message)
        first, second = (self._isolate(half, token) for half in halves)
        return Moved(
            completed=first.completed + second.completed,
            failures=(*first.failures, *second.failures),
        )

    def _halves(self, connection: Connection, rows: Range) -> tuple[Range, Range] | None:
        """Return the two halves of *rows*, or None when no more than one row is left."""
        found = self.ranges.count(connection, rows)
        middle = self.ranges.nth(connection, rows, found // 2) if found > 1 else None
        if middle is None:
            return None
        first = replace(rows, upto=middle, found=found // 2)
        return first, replace(rows, after=middle, found=found - found // 2)

    def _refuse(self, rows: Range, reason: str) -> Moved:
        """Set the one row of *rows* apart, unless it is gone by now."""

        def keep(connection: Connection) -> tuple[Failure, ...]:
            key = self.ranges.nth(connection, rows, 1)
            failures = () if key is None else (Failure(key=key, reason=reason),)
            checkpoint.quarantine(connection, self.name, failures)
            return failures

        failures = self.session.run(keep)
        self._set_apart(failures)
        return Moved(completed=0, failures=failures)

    def _set_apart(self, failures: tuple[Failure, ...]) -> None:
        """Leave failed rows out of the batches that follow."""
        self.ranges.without += tuple(failure.key for failure in failures)
        if len(self.ranges.without) > LARGEST_QUARANTINE:
            raise OnlineError(
                f"{self.name} stopped: {len(self.ranges.without)} rows cannot be converted",
                hint="migrator status says why; mend the rows or the transition, "
                "then run online-migrate --retry-failed",
            )

    def _postpone(self, leased: Leased) -> Moved:
        """Leave a range, whose rows others keep locked, for the next pass with smaller batches."""
        self.session.run(lambda connection: checkpoint.give_back(connection, leased.token))
        self._has_changed = self._has_changed or self.size > SMALLEST_BATCH_SIZE
        return Moved(completed=0)

    def _resize(self, size: int) -> None:
        """Set the size of the next batch, unless it is fixed."""
        if self.fixed_size is None:
            self.size = min(LARGEST_BATCH_SIZE, max(SMALLEST_BATCH_SIZE, size))


def next_size(size: int, *, found: int, seconds: float) -> int:
    """Return the size of the batch after one of *found* rows that took so many *seconds*."""
    factor = min(LARGEST_GROWTH, TARGET_SECONDS / max(seconds, 0.001))
    if factor > 1 and found < size:
        return size
    return int(size * max(0.5, factor))
