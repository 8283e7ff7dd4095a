"""Ranges: what of a table is given out, to whom, and in which portions."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from migrator import checkpoint
from migrator.checkpoint import NOBODY, Lease
from migrator.errors import TransitionError
from migrator.transitions.batch import Range, key_of, reflect

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.session import Session
    from migrator.transitions.keys import Key
    from migrator.transitions.transition import Transition

LEASE_SECONDS = 60.0
"""Age at which the lease of somebody who cannot be asked is over."""
BATCHES_PER_LEASE = 8
LARGEST_DENSE_KEY = 2**31 - 2**21
"""What an INTEGER can hold, with room for a lease."""


class Ranges:
    """The ranges of keys of a transition's table: leased one after the other, to anybody.

    A lease is taken in a short transaction, which moves the checkpoint on unless somebody
    else has moved it since it was read. What the dead leave is taken over first.
    """

    def __init__(self, session: Session, transition: Transition) -> None:
        self.session = session
        self.transition = transition
        self.owner = f"{socket.gethostname()}:{_who()}"
        self.table = session.run(lambda connection: reflect(connection, transition))
        self.key = key_of(transition, self.table)
        self._refuse_unordered()
        self.without: tuple[Key, ...] = ()
        """Keys in quarantine, which no range includes."""
        self._is_dense = False
        self._is_full = False

    def _refuse_unordered(self) -> None:
        """Refuse a key whose values cannot be put in an order that the database keeps to."""
        ordered = self.session.dialect.capabilities.ordered_enums
        for column in (self.table.c[name] for name in self.key):
            if column.nullable and not column.primary_key:
                raise self._unfit(f"key column {column.name!r} may be NULL")
            if isinstance(column.type, sa.Enum) and not ordered:
                raise self._unfit(f"key column {column.name!r} is an ENUM")

    def _unfit(self, message: str) -> TransitionError:
        return TransitionError(
            f"{message}, so ranges of {self.table.name!r} cannot be cut",
            migration=self.transition.name or None,
            hint="name another unique key that is never NULL: key=('column', …)",
        )

    # Leases.

    def take(self, size: int, *, most: int | None = None) -> Lease | None:
        """Lease the next range, for batches of *size* rows; None at the end of the table.

        It has *most* movable rows at the most, unless it was given out before.
        """
        wanted = BATCHES_PER_LEASE * size
        wanted = wanted if most is None else min(wanted, most)
        tokens: list[str] = []

        def work(connection: Connection) -> Lease | None:
            # One an attempt: the server may still be about to commit the attempt before.
            tokens.append(str(uuid4()))
            left = self._left_over(connection, tokens[-1])
            return left or self._advance(connection, wanted, tokens[-1])

        return self.session.run(
            work,
            doing=f"looking for rows of {self.transition.name}",
            was_done=lambda connection: checkpoint.is_there(connection, tokens[-1]),
        )

    def go_back(self) -> None:
        """Begin again at the start of the table, unless somebody else moves the checkpoint."""

        def begin(connection: Connection) -> None:
            seen = checkpoint.read(connection, self.transition.name)
            checkpoint.advance(connection, seen, place=None)

        self.session.run(begin)
        self._is_full = False

    def others(self) -> tuple[str, ...]:
        """Return who else is at work."""
        name = self.transition.name
        found = self.session.run(lambda connection: checkpoint.leases(connection, name))
        return tuple(lease.owner for lease in found if not self._is_free(lease))

    def _left_over(self, connection: Connection, token: str) -> Lease | None:
        """Take over a lease that nobody works on."""
        for old in checkpoint.leases(connection, self.transition.name):
            new = replace(old, token=token, owner=self.owner)
            if self._is_free(old) and checkpoint.take_over(connection, old, new):
                return new
        return None

    def _advance(self, connection: Connection, wanted: int, token: str) -> Lease | None:
        """Give out the range after the checkpoint, and move that on."""
        name = self.transition.name
        while True:
            seen = checkpoint.read(connection, name)
            upto, found = self._end_of(connection, seen.place, wanted)
            if upto is None:
                return None
            if checkpoint.advance(connection, seen, upto):
                lease = Lease(
                    token=token, owner=self.owner, after=seen.place, upto=upto, found=found
                )
                checkpoint.lease(connection, name, lease)
                return lease

    def _is_free(self, lease: Lease) -> bool:
        """Return whether nobody works on *lease*: its owner is gone, or forgot it."""
        if lease.owner in (NOBODY, self.owner):
            return True
        host, _, who = lease.owner.rpartition(":")
        if host == socket.gethostname() and not _is_running(who):
            return True
        return lease.age_seconds > LEASE_SECONDS

    # Ranges.

    def cut(self, connection: Connection, lease: Lease, size: int) -> Range:
        """Return the first portion of *lease*, of *size* movable rows at the most."""
        rows = self._range(lease.after, lease.upto, size)
        if lease.found is not None and lease.found <= size:
            return rows
        if self._is_dense and lease.after is not None:
            return replace(rows, upto=min(lease.upto, (lease.after[0] + size,)))
        return replace(rows, upto=self.nth(connection, rows, size) or lease.upto)

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

    def halves(self, connection: Connection, rows: Range) -> tuple[Range, Range] | None:
        """Return the two halves of *rows*, or None when no more than one row of it is movable."""
        count = sa.select(sa.func.count()).select_from(self._movable(rows).subquery())
        found = connection.execute(count).scalar_one()
        middle = self.nth(connection, rows, found // 2) if found > 1 else None
        return middle and (replace(rows, upto=middle), replace(rows, after=middle))

    def nth(self, connection: Connection, rows: Range, number: int) -> Key | None:
        """Return the key of movable row *number* of *rows*; None when there are not so many."""
        query = self._movable(rows).order_by(*rows.key_columns).limit(1).offset(number - 1)
        found = connection.execute(query).one_or_none()
        return None if found is None else tuple(found)

    def _end_of(
        self, connection: Connection, after: Key | None, wanted: int
    ) -> tuple[Key | None, int | None]:
        """Return where the range of the next *wanted* rows ends; and their number, if known."""
        if self._is_dense and after is not None:
            return (after[0] + wanted,), None
        rows = self._range(after, None, wanted)
        last = self.nth(connection, rows, wanted) if self._is_full else None
        return (last, wanted) if last else self._rest(connection, rows, wanted)

    def _rest(
        self, connection: Connection, rows: Range, wanted: int
    ) -> tuple[Key | None, int | None]:
        """Return the key of the last of the next rows, *wanted* at the most, and their number."""
        found = self._movable(rows).order_by(*rows.key_columns).limit(wanted).subquery()
        last = sa.select(*found.c, sa.func.count().over()).limit(1)
        row = connection.execute(last.order_by(*(column.desc() for column in found.c))).first()
        if row is None:
            return None, 0
        *upto, count = row
        self._is_full = count == wanted
        return tuple(upto), count

    def _range(self, after: Key | None, upto: Key | None, found: int) -> Range:
        return Range(
            table=self.table,
            key=self.key,
            dialect=self.session.dialect,
            after=after,
            upto=upto,
            without=self.without,
            found=found,
        )

    def _movable(self, rows: Range) -> sa.Select[Any]:
        """Return the query for the keys of the movable rows of *rows*."""
        return sa.select(*rows.key_columns).where(
            rows.within(), self.transition.movable(self.table)
        )


def _who() -> str:
    """Return the number of this process, and of this thread unless it is the main one."""
    thread = threading.current_thread()
    return f"{os.getpid()}" + ("" if thread is threading.main_thread() else f".{thread.ident}")


def _is_running(who: str) -> bool:
    """Return whether the process *who* of this machine runs; of our own, the thread."""
    pid, _, thread = who.partition(".")
    if thread and int(pid) == os.getpid():
        return thread in {str(each.ident) for each in threading.enumerate()}
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
