"""A worker: one process that moves the pending rows of one transition, batch after batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from migrator import checkpoint
from migrator.errors import (
    BusyError,
    DatabaseError,
    LostError,
    MigratorError,
    OnlineError,
    RowError,
)
from migrator.ranges import Ranges
from migrator.remaining import remaining, which
from migrator.transitions.batch import reflect
from migrator.transitions.transition import Failure, Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from migrator.checkpoint import Lease
    from migrator.remaining import Remaining
    from migrator.session import Session
    from migrator.transitions.batch import Range
    from migrator.transitions.transition import Transition

FIRST_BATCH_SIZE = 1_000
SMALLEST_BATCH_SIZE = 10
TARGET_SECONDS = 0.5
"""Time that a batch shall take: others wait that long, at most, for a row it holds."""
LARGEST_GROWTH = 10.0
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


class Done(NamedTuple):
    """What was cut from a lease, None when that is no longer ours, and what became of it."""

    rows: Range | None
    moved: Moved
    was_busy: bool = False


class Worker:
    """One process at work on *transition*, through *session*.

    A batch is one transaction: it moves the rows of a range, keeps those that failed, and
    notes in the lease how far it is. Whatever is killed, nothing is lost or done twice.
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
        self._largest = transition.largest_batch or session.dialect.largest_batch
        self.size = session.run(lambda connection: self._start(connection, again=retry_failed))
        self._has_changed = True
        self._passes = 0
        self._remaining: Remaining | None = None

    def batches(self, max_count: int | None) -> Iterator[Batch | Waiting]:
        """Move rows until none is movable, or *max_count* rows were given out, batch by batch."""
        yield from self._leases(max_count)
        if self.fixed_size is None:
            self.session.run(
                lambda connection: checkpoint.remember(connection, self.name, self.size)
            )

    def _leases(self, left: int | None) -> Iterator[Batch | Waiting]:
        """Take leases and move what is leased, within what is *left* of the count."""
        while left is None or left > 0:
            lease = self.ranges.take(self.size, most=left)
            if lease is not None:
                for batch in self._batches(lease, left):
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
        return min(self.fixed_size or seen.batch_size or FIRST_BATCH_SIZE, self._largest)

    def _go_round(self) -> bool:
        """Go back to the start of the table, if rows are left and the last pass did something."""
        self._passes += 1
        if not self._has_changed or self._passes > LARGEST_PASSES or not self.remaining().movable:
            return False
        self._has_changed = False
        self.ranges.go_back()
        return True

    # Batches.

    def _batches(self, lease: Lease, left: int | None) -> Iterator[Batch]:
        """Move what is leased, batch by batch, and give back what *left* does not allow."""
        rest: Lease | None = lease
        while rest is not None:
            if left is not None and left <= 0:
                self.session.run(partial(checkpoint.give_back, given=rest))
                return
            batch, rest = self._work(rest, self.size if left is None else min(self.size, left))
            left = None if left is None else left - batch.completed - batch.failed
            yield batch

    def _work(self, lease: Lease, size: int) -> tuple[Batch, Lease | None]:
        """Move the first *size* rows of *lease*; return what is left of it."""
        started = time.perf_counter()
        retries = self.session.retries
        rows, moved, was_busy = self._move_or_leave(lease, size)
        done = moved.completed + len(moved.failures)
        batch = Batch(
            transition=self.name,
            found=done,
            completed=moved.completed,
            failed=len(moved.failures),
            seconds=time.perf_counter() - started,
        )
        self._remaining = None
        self._has_changed = self._has_changed or done > 0
        if was_busy or self.session.retries > retries:
            self._shrink()
        elif size == self.size:
            self._resize(next_size(size, found=done, seconds=batch.seconds))
        if rows is None:
            return batch, None
        self.ranges.learn(rows, done)
        return batch, _rest(lease, rows, done)

    def _move_or_leave(self, lease: Lease, size: int) -> Done:
        """Move a portion of *lease*, unless others keep it locked or have taken the lease over."""
        try:
            return self._move_or_isolate(lease, size)
        except LeaseLostError:
            return Done(None, Moved(completed=0))
        except BusyError:
            return Done(self._leave(lease, size), Moved(completed=0), was_busy=True)

    def _move_or_isolate(self, lease: Lease, size: int) -> Done:
        """Move a portion in one transaction, or piece by piece when a row of it is refused."""
        try:
            return self._move(lease, lambda connection: self.ranges.cut(connection, lease, size))
        except (BusyError, LostError):
            raise
        except DatabaseError as error:
            # Raises TransitionError, which says more, when the table is not what it was.
            self.session.run(lambda connection: reflect(connection, self.transition))
            if not isinstance(error, RowError):
                raise
        rows = self.session.run(lambda connection: self.ranges.cut(connection, lease, size))
        return Done(rows, self._isolate(lease, rows))

    def _move(self, lease: Lease, cut: Callable[[Connection], Range]) -> Done:
        """Move the rows that are *cut*, in one transaction with the lease and the quarantine."""

        def work(connection: Connection) -> Done:
            rows = cut(connection)
            moved = self._carry(connection, rows)
            self._note(connection, lease, rows, moved.failures)
            return Done(rows, moved)

        done = self.session.run(
            work,
            doing=f"moving rows of {self.name}",
            was_done=lambda connection: not checkpoint.stands(connection, lease),
        )
        self._set_apart(done.moved.failures)
        return done

    def _carry(self, connection: Connection, rows: Range) -> Moved:
        """Let the transition move *rows*; what the driver cannot send is said of a row."""
        try:
            return self.transition.move(connection, rows)
        except (sa.exc.SQLAlchemyError, MigratorError):
            raise
        except Exception as error:
            # Its text may hold the row's data.
            raise RowError(f"moving it raised {type(error).__name__}") from None

    def _note(
        self, connection: Connection, lease: Lease, rows: Range, failures: Sequence[Failure]
    ) -> None:
        """Note that *rows* are done, and which of them failed."""
        checkpoint.quarantine(connection, self.name, failures)
        if not checkpoint.progress(connection, lease, rows.upto or lease.upto):
            raise LeaseLostError(f"the lease on a range of {self.name} was taken away")

    def _isolate(self, lease: Lease, rows: Range) -> Moved:
        """Halve *rows* until the one that the database refuses is alone, and set it apart."""
        try:
            return self._move(lease, lambda _connection: rows).moved
        except RowError as error:
            halves = self.session.run(lambda connection: self.ranges.halves(connection, rows))
            if halves is None:
                return self._refuse(lease, rows, error.message)
        first, second = halves
        one = self._isolate(lease, first)
        other = self._isolate(replace(lease, after=second.after), second)
        return Moved(
            completed=one.completed + other.completed, failures=(*one.failures, *other.failures)
        )

    def _refuse(self, lease: Lease, rows: Range, reason: str) -> Moved:
        """Set the one row of *rows* apart, unless it is gone by now."""

        def work(connection: Connection) -> tuple[Failure, ...]:
            key = self.ranges.nth(connection, rows, 1)
            failures = () if key is None else (Failure(key=key, reason=reason),)
            self._note(connection, lease, rows, failures)
            return failures

        failures = self.session.run(work)
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

    def _leave(self, lease: Lease, size: int) -> Range | None:
        """Leave a portion, which others keep locked, for the next pass and smaller batches."""

        def work(connection: Connection) -> Range | None:
            rows = self.ranges.cut(connection, lease, size)
            is_ours = checkpoint.progress(connection, lease, rows.upto or lease.upto)
            return rows if is_ours else None

        return self.session.run(work)

    def _shrink(self) -> None:
        """Make batches smaller, which lets us try again what others kept locked."""
        before = self.size
        self._resize(before // 2)
        self._has_changed = self._has_changed or self.size < before

    def _resize(self, size: int) -> None:
        """Set the size of the next batch, unless it is fixed."""
        if self.fixed_size is None:
            self.size = min(max(size, SMALLEST_BATCH_SIZE), self._largest)


def _rest(lease: Lease, rows: Range, done: int) -> Lease | None:
    """Return what is left of *lease* after *rows*, of which so many are *done*."""
    if rows.upto is None or rows.upto == lease.upto:
        return None
    found = None if lease.found is None else lease.found - done
    return replace(lease, after=rows.upto, found=found)


def next_size(size: int, *, found: int, seconds: float) -> int:
    """Return the size of the batch after one of *size*: it moved *found* in so many *seconds*."""
    factor = min(LARGEST_GROWTH, max(0.5, TARGET_SECONDS / max(seconds, 0.001)))
    if factor > 1 and 2 * found < size:
        return size
    return int(size * factor)
