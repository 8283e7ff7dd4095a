"""A worker: one process that moves the pending rows of one transition, range after range."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import sqlalchemy as sa

from migrator import checkpoint
from migrator.errors import DatabaseError, OnlineError
from migrator.transitions.batch import Range, any_key, key_of, reflect
from migrator.transitions.transition import Failure, Moved

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.checkpoint import Checkpoint
    from migrator.session import Session
    from migrator.transitions.batch import Key
    from migrator.transitions.transition import Transition

FIRST_BATCH_SIZE = 1_000
LARGEST_BATCH_SIZE = 50_000
TARGET_SECONDS = 0.5
"""Time that a batch shall take: others wait that long, at most, for a row it holds."""
LEASE_SECONDS = 60.0
"""Age at which the lease of somebody who cannot be asked is over."""
POLL_SECONDS = 0.2
LARGEST_QUARANTINE = 1_000
"""Rows in quarantine at which a transition stops: then it is the converter, not the rows."""
KEYS_PER_LOOK = 200

Done = TypeVar("Done")


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

    Ranges of keys are leased in one short transaction and moved in the next, which also
    ends the lease and counts: whatever is killed in between, nothing is lost or counted twice.
    """

    def __init__(
        self, session: Session, transition: Transition, *, batch_size: int | None = None
    ) -> None:
        self.session = session
        self.transition = transition
        self.name = transition.name
        self.fixed_size = batch_size
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self.without: tuple[Key, ...] = ()
        self.table: sa.Table
        self.key: tuple[str, ...]
        self.size = batch_size or FIRST_BATCH_SIZE
        self.progress = True

    def start(self, *, retry_failed: bool) -> None:
        """Look at the table, the checkpoint and the quarantine."""

        def look(connection: Connection) -> None:
            self.table = reflect(connection, self.transition)
            self.key = key_of(self.transition, self.table)
            seen = checkpoint.read(connection, self.name)
            if self.fixed_size is None and seen.batch_size is not None:
                self.size = seen.batch_size
            if retry_failed:
                checkpoint.release(connection, self.name)
            self.without = tuple(key for key, _why in checkpoint.quarantined(connection, self.name))

        self.session.run(look)

    def batches(self, max_count: int | None) -> Iterator[Batch | Waiting]:
        """Move rows until there are none, or *max_count* rows were given out, batch by batch."""
        left = max_count
        while left is None or left > 0:
            size = self.size if left is None else min(self.size, left)
            rows, token = self._take(size)
            if rows is not None:
                batch = self._work(rows, token)
                left = None if left is None else left - batch.completed - batch.failed
                yield batch
            elif left is None and (owners := self._others()):
                yield Waiting(transition=self.name, owners=owners)
                self.session.sleep(POLL_SECONDS)
                self.progress = True
            elif not self._again():
                return

    # – taking a range –

    def _take(self, size: int) -> tuple[Range | None, str]:
        """Lease the next range of *size* movable rows; None at the end of the table."""
        while True:
            seen = self.session.run(lambda c: checkpoint.read(c, self.name))
            rows = self.session.run(lambda c, seen=seen: self._find(c, seen.place, size))
            token = str(uuid4())
            if rows is None or self._claim(seen, rows, token):
                return rows, token

    def _find(self, connection: Connection, after: Key | None, size: int) -> Range | None:
        """Return the range of the next *size* movable rows after the key *after*."""
        base = Range(
            table=self.table,
            key=self.key,
            dialect=self.session.dialect,
            after=after,
            without=self.without,
        )
        columns = base.key_columns
        movable = (
            sa.select(*columns)
            .where(base.within(), self.transition.movable(self.table))
            .order_by(*columns)
        )
        last = connection.execute(movable.limit(1).offset(size - 1)).one_or_none()
        if last is not None:
            return replace(base, upto=tuple(last), found=size)
        rest = movable.limit(size).subquery()
        row = connection.execute(
            sa.select(*rest.c, sa.func.count().over())
            .order_by(*(column.desc() for column in rest.c))
            .limit(1)
        ).one_or_none()
        return None if row is None else replace(base, upto=tuple(row[:-1]), found=row[-1])

    def _claim(self, seen: Checkpoint, rows: Range, token: str) -> bool:
        """Lease *rows* unless somebody moved the checkpoint since it was *seen*."""
        return self.session.run(
            lambda c: checkpoint.claim(c, self.name, seen, rows, token=token, owner=self.owner),
            was_done=lambda c: checkpoint.is_held(c, token),
        )

    def _others(self) -> tuple[str, ...]:
        """Return who else is at work; the leases of the dead are ended."""
        owners = []
        for lease in self.session.run(lambda c: checkpoint.leases(c, self.name)):
            if lease.owner == self.owner or self._is_dead(lease):
                self.session.run(lambda c, token=lease.token: checkpoint.give_back(c, token))
                self.progress = True
            else:
                owners.append(lease.owner)
        return tuple(owners)

    def _is_dead(self, lease: checkpoint.Lease) -> bool:
        """Return whether the owner of *lease* is gone: by its process, else by its age."""
        host, _, pid = lease.owner.rpartition(":")
        if host == socket.gethostname() and not _is_alive(int(pid)):
            return True
        return lease.age_seconds > LEASE_SECONDS

    def _again(self) -> bool:
        """Go back to the start of the table, unless the last pass from there changed nothing."""
        seen = self.session.run(lambda c: checkpoint.read(c, self.name))
        if seen.place is None:
            return False
        again, self.progress = self.progress, False
        self.session.run(lambda c: checkpoint.advance(c, self.name, seen, place=None))
        return again

    # – moving a range –

    def _work(self, rows: Range, token: str) -> Batch:
        """Move *rows*, which are leased by *token*; rows that cannot be moved are set apart."""
        started = time.perf_counter()
        retries = self.session.retries
        try:
            moved = self._move(rows, token, last=True)
        except LeaseLostError:
            moved = Moved(completed=0)
        except DatabaseError:
            moved = self._isolate(rows, token)
            self.session.run(lambda c: checkpoint.give_back(c, token))
        seconds = time.perf_counter() - started
        self.progress = self.progress or moved.completed > 0 or bool(moved.failures)
        self._adapt(rows.found, seconds, retried=self.session.retries > retries)
        return Batch(
            transition=self.name,
            found=rows.found,
            completed=moved.completed,
            failed=len(moved.failures),
            seconds=seconds,
        )

    def _move(self, rows: Range, token: str, *, last: bool) -> Moved:
        """Move *rows* in one transaction with the lease, the count and the quarantine."""

        def work(connection: Connection) -> Moved:
            ours = checkpoint.give_back if last else checkpoint.renew
            if not ours(connection, token):
                raise LeaseLostError(f"the lease on a range of {self.name} was taken away")
            moved = self.transition.move(connection, rows)
            checkpoint.quarantine(connection, self.name, moved.failures)
            checkpoint.count(
                connection, self.name, completed=moved.completed, batch_size=self.size
            )
            return moved

        moved = self.session.run(
            work, was_done=(lambda c: not checkpoint.is_held(c, token)) if last else None
        )
        self._set_apart(moved.failures)
        return moved

    def _isolate(self, rows: Range, token: str) -> Moved:
        """Halve *rows* until the row that the database refuses is alone, and set it apart."""
        try:
            return self._move(rows, token, last=False)
        except DatabaseError as error:
            halves = self._halves(rows)
            if halves is None:
                return self._refused(rows, error)
        first, second = (self._isolate(half, token) for half in halves)
        return Moved(
            completed=first.completed + second.completed,
            failures=(*first.failures, *second.failures),
        )

    def _halves(self, rows: Range) -> tuple[Range, Range] | None:
        """Return the two halves of *rows*, or None when no more than one row is left."""
        keys = self.session.run(lambda c: self._keys(c, rows, limit=max(2, rows.found)))
        if len(keys) < 2:  # noqa: PLR2004 - what can be halved
            return None
        middle = len(keys) // 2
        return (
            replace(rows, upto=keys[middle - 1], found=middle),
            replace(rows, after=keys[middle - 1], found=len(keys) - middle),
        )

    def _refused(self, rows: Range, error: DatabaseError) -> Moved:
        """Set the one row of *rows* apart."""

        def keep(connection: Connection) -> tuple[Failure, ...]:
            failures = tuple(
                Failure(key=key, reason=error.message) for key in self._keys(connection, rows)
            )
            checkpoint.quarantine(connection, self.name, failures)
            return failures

        failures = self.session.run(keep)
        self._set_apart(failures)
        return Moved(completed=0, failures=failures)

    def _keys(self, connection: Connection, rows: Range, *, limit: int = 1) -> list[Key]:
        """Return the first keys of the movable rows of *rows*."""
        columns = rows.key_columns
        statement = (
            sa.select(*columns)
            .where(rows.within(), self.transition.movable(rows.table))
            .order_by(*columns)
            .limit(limit)
        )
        return [tuple(row) for row in connection.execute(statement)]

    def _set_apart(self, failures: tuple[Failure, ...]) -> None:
        """Leave failed rows out of the batches that follow."""
        self.without += tuple(failure.key for failure in failures)
        if len(self.without) > LARGEST_QUARANTINE:
            raise OnlineError(
                f"{self.name} stopped: {len(self.without)} rows cannot be converted",
                hint="look at the reasons with migrator status, mend the transition, "
                "then run online-migrate --retry-failed",
            )

    def _adapt(self, found: int, seconds: float, *, retried: bool) -> None:
        """Set the size of the next batch by the time that this one took."""
        if self.fixed_size is not None:
            return
        factor = 0.5 if retried else min(2.0, max(0.5, TARGET_SECONDS / max(seconds, 0.001)))
        if factor < 1 or found >= self.size:
            self.size = min(LARGEST_BATCH_SIZE, max(10, int(self.size * factor)))


def remaining(connection: Connection, transition: Transition) -> tuple[int, int, int]:
    """Return how many pending rows of *transition* are movable, skipped and in quarantine."""
    table = reflect(connection, transition)
    pending, skipped = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((transition.skipped(table), 1), else_=0)), 0),
        )
        .select_from(table)
        .where(transition.pending(table))
    ).one()
    failed = _quarantined(connection, transition, table)
    return int(pending) - int(skipped) - failed, int(skipped), failed


def _quarantined(connection: Connection, transition: Transition, table: sa.Table) -> int:
    """Return how many rows in quarantine are movable still: the others mended themselves."""
    if not sa.inspect(connection).has_table(checkpoint.QUARANTINE.name):
        return 0
    columns = [table.c[name] for name in key_of(transition, table)]
    keys = [key for key, _why in checkpoint.quarantined(connection, transition.name)]
    return sum(
        connection.scalar(
            sa.select(sa.func.count())
            .select_from(table)
            .where(
                any_key(columns, keys[start : start + KEYS_PER_LOOK]), transition.movable(table)
            )
        )
        or 0
        for start in range(0, len(keys), KEYS_PER_LOOK)
    )


def _is_alive(pid: int) -> bool:
    """Return whether a process of this machine has the number *pid*."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
