"""Ranges: what of a table is given out, and to whom."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa

from migrator import checkpoint
from migrator.errors import BusyError
from migrator.transitions.batch import Range, key_of, reflect

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.session import Session
    from migrator.transitions.batch import Key
    from migrator.transitions.transition import Transition

LEASE_SECONDS = 60.0
"""Age at which the lease of somebody who cannot be asked is over."""
LARGEST_DENSE_KEY = 2**31 - 2**20
"""What an INTEGER can hold, with room for a batch."""


class Leased(NamedTuple):
    """A range of keys that is ours as long as the lease *token* is there."""

    rows: Range
    token: str
    is_counted: bool
    """Whether its movable rows were counted; otherwise there may be fewer."""


class Ranges:
    """The ranges of keys of a transition's table: leased one after the other, to anybody.

    A lease is taken in one short transaction, which moves the checkpoint on, unless
    somebody else has moved it since it was read.
    """

    def __init__(self, session: Session, transition: Transition) -> None:
        self.session = session
        self.transition = transition
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self.table = session.run(lambda connection: reflect(connection, transition))
        self.key = key_of(transition, self.table)
        self.without: tuple[Key, ...] = ()
        """Keys in quarantine, which no range includes."""
        self._is_dense = False
        self._is_full = False

    # Leases.

    def take(self, size: int) -> Leased | None:
        """Lease the next range of at most *size* movable rows; None at the end of the table."""
        token = str(uuid4())
        return self.session.run(
            lambda connection: self._take(connection, size, token),
            doing=f"looking for rows of {self.transition.name}",
            was_done=lambda connection: checkpoint.is_held(connection, token),
        )

    def go_back(self) -> None:
        """Begin again at the start of the table, unless somebody else moves the checkpoint."""

        def begin(connection: Connection) -> None:
            seen = checkpoint.read(connection, self.transition.name)
            checkpoint.advance(connection, seen, place=None)

        self.session.run(begin)
        self._is_full = False

    def others(self) -> tuple[str, ...]:
        """Return who else is at work; the leases of the dead, and ours, are ended."""
        name = self.transition.name
        found = self.session.run(lambda connection: checkpoint.leases(connection, name))
        return tuple(lease.owner for lease in found if not self._end(lease))

    def _take(self, connection: Connection, size: int, token: str) -> Leased | None:
        name = self.transition.name
        while True:
            seen = checkpoint.read(connection, name)
            leased = self._next(connection, seen.place, size, token)
            if leased is None or leased.rows.upto is None:
                return None
            upto = leased.rows.upto
            if checkpoint.advance(connection, seen, upto):
                checkpoint.lease(connection, name, upto, token=token, owner=self.owner)
                return leased

    def _end(self, lease: checkpoint.Lease) -> bool:
        """End *lease* if it is ours, or of somebody who is dead; return whether it ended."""
        if lease.owner != self.owner and not _is_dead(lease):
            return False
        try:
            self.session.run(lambda connection: checkpoint.give_back(connection, lease.token))
        except BusyError:
            # Its owner is about to end it, after a batch that took very long.
            return False
        return True

    # Ranges.

    def learn(self, rows: Range, found: int) -> None:
        """Remember that *found* rows of the range *rows* were movable.

        Where the integers of a key follow each other closely, as many integers as a batch
        may have rows are the next range: nothing has to be looked up.
        """
        kind = rows.key_columns[0].type
        self._is_dense = (
            len(self.key) == 1
            and isinstance(kind, sa.Integer)
            and not isinstance(kind, sa.SmallInteger)
            and rows.after is not None
            and rows.upto is not None
            and rows.upto[0] < LARGEST_DENSE_KEY
            and rows.upto[0] - rows.after[0] < 2 * found
        )

    def nth(self, connection: Connection, rows: Range, number: int) -> Key | None:
        """Return the key of movable row *number* of *rows*; None when there are not so many."""
        query = self._movable(rows).order_by(*rows.key_columns).limit(1).offset(number - 1)
        found = connection.execute(query).one_or_none()
        return None if found is None else tuple(found)

    def count(self, connection: Connection, rows: Range) -> int:
        """Return how many rows of *rows* are movable."""
        query = sa.select(sa.func.count()).select_from(self._movable(rows).subquery())
        return connection.execute(query).scalar_one()

    def _next(
        self, connection: Connection, after: Key | None, size: int, token: str
    ) -> Leased | None:
        """Return the range of the next *size* movable rows, at most, after the key *after*."""
        base = Range(
            table=self.table,
            key=self.key,
            dialect=self.session.dialect,
            after=after,
            without=self.without,
        )
        if self._is_dense and after is not None:
            upto = (after[0] + size,)
            return Leased(replace(base, upto=upto, found=size), token, is_counted=False)
        last = self.nth(connection, base, size) if self._is_full else None
        if last is not None:
            return Leased(replace(base, upto=last, found=size), token, is_counted=True)
        rest = self._rest(connection, base, size)
        return None if rest is None else Leased(rest, token, is_counted=True)

    def _rest(self, connection: Connection, base: Range, size: int) -> Range | None:
        """Return the range of the next *size* movable rows, or of as many as there are."""
        columns = base.key_columns
        found = self._movable(base).order_by(*columns).limit(size).subquery()
        last = sa.select(*found.c, sa.func.count().over()).limit(1)
        row = connection.execute(last.order_by(*(column.desc() for column in found.c))).first()
        if row is None:
            return None
        *upto, count = row
        self._is_full = count == size
        return replace(base, upto=tuple(upto), found=count)

    def _movable(self, rows: Range) -> sa.Select[Any]:
        """Return the query for the keys of the movable rows of *rows*."""
        return sa.select(*rows.key_columns).where(
            rows.within(), self.transition.movable(self.table)
        )


def _is_dead(lease: checkpoint.Lease) -> bool:
    """Return whether the owner of *lease* is gone: by its process, else by its age."""
    host, _, pid = lease.owner.rpartition(":")
    if host == socket.gethostname() and not _is_running(int(pid)):
        return True
    return lease.age_seconds > LEASE_SECONDS


def _is_running(pid: int) -> bool:
    """Return whether a process of this machine has the number *pid*."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
