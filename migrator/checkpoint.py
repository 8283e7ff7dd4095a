"""Where the batches of a transition stand: checkpoint, leases, quarantine.

A checkpoint commits in the transaction of its data. It is an optimisation: what is left
to do is always read with the transition's own predicate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.history import METADATA, UtcDateTime
from migrator.transitions.keys import digest, dumps, loads, portions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from migrator.transitions.keys import Key
    from migrator.transitions.transition import Failure

REASON_LENGTH = 255

CHECKPOINT = sa.Table(
    "migrator_checkpoint",
    METADATA,
    sa.Column("transition", sa.String(190), primary_key=True),
    sa.Column("place", sa.Text),
    sa.Column("turn", sa.Integer, nullable=False, server_default="0"),
    sa.Column("batch_size", sa.Integer),
    sa.Column("updated_at", UtcDateTime, nullable=False, server_default=sa.func.now()),
)
"""One row a transition: keys up to *place* are given out; *turn* counts the changes of it."""

LEASE = sa.Table(
    "migrator_lease",
    METADATA,
    sa.Column("token", sa.String(36), primary_key=True),
    sa.Column("transition", sa.String(190), nullable=False, index=True),
    sa.Column("owner", sa.String(190), nullable=False),
    sa.Column("after", sa.Text),
    sa.Column("upto", sa.Text, nullable=False),
    sa.Column("renewed_at", sa.Double, nullable=False),
)
"""One row a range that was given out: it is done up to *after*, to be done up to *upto*.

It moves on, and goes, in the transaction that moves the rows. *renewed_at* is in seconds
since 1970 by the clock of the database.
"""

QUARANTINE = sa.Table(
    "migrator_quarantine",
    METADATA,
    sa.Column("transition", sa.String(190), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("reason", sa.String(REASON_LENGTH), nullable=False),
    sa.Column("failed_at", UtcDateTime, nullable=False, server_default=sa.func.now()),
)
"""One row a row that could not be converted; it blocks the contract.

*digest* is over the key: no collation takes it for another, and it is never too long.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the ranges of a transition are given out."""

    transition: str
    place: Key | None
    turn: int
    batch_size: int | None


def read(connection: Connection, transition: str) -> Checkpoint:
    """Return the checkpoint of *transition*, made where there is none."""
    statement = sa.select(CHECKPOINT).where(CHECKPOINT.c.transition == transition)
    row = connection.execute(statement).one_or_none()
    if row is None:
        _make(connection, transition)
        return Checkpoint(transition=transition, place=None, turn=0, batch_size=None)
    return Checkpoint(
        transition=transition,
        place=None if row.place is None else loads(row.place),
        turn=row.turn,
        batch_size=row.batch_size,
    )


def _make(connection: Connection, transition: str) -> None:
    """Make the checkpoint of *transition*, unless somebody else makes it at this moment."""
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(CHECKPOINT).values(transition=transition))
    except sa.exc.IntegrityError:
        return


def advance(connection: Connection, seen: Checkpoint, place: Key | None) -> bool:
    """Set the checkpoint to *place*, None for the start, unless it moved since it was *seen*."""
    moved = connection.execute(
        sa.update(CHECKPOINT)
        .where(CHECKPOINT.c.transition == seen.transition, CHECKPOINT.c.turn == seen.turn)
        .values(
            place=None if place is None else dumps(place),
            turn=seen.turn + 1,
            updated_at=sa.func.now(),
        )
    )
    return moved.rowcount == 1


def remember(connection: Connection, transition: str, batch_size: int) -> None:
    """Remember how many rows a batch may have."""
    here = CHECKPOINT.c.transition == transition
    connection.execute(sa.update(CHECKPOINT).where(here).values(batch_size=batch_size))


# Leases: who works on what.

NOBODY = ""
"""Owner of a lease that was given back before its range was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The range after *after* up to *upto*, given out to *owner*."""

    token: str
    owner: str
    after: Key | None
    upto: Key
    age_seconds: float = 0.0
    """Seconds since it was renewed, by the clock of the database."""
    found: int | None = None
    """Movable rows that were counted in it; not kept in the database."""


def lease(connection: Connection, transition: str, given: Lease) -> None:
    """Note that a range is given out; only who knows its token can go on with it."""
    connection.execute(
        sa.insert(LEASE).values(
            token=given.token,
            transition=transition,
            owner=given.owner,
            after=None if given.after is None else dumps(given.after),
            upto=dumps(given.upto),
            renewed_at=_now(connection),
        )
    )


def take_over(connection: Connection, old: Lease, new: Lease) -> bool:
    """Make the lease *old* the lease *new*; False when it is no longer there."""
    return _update(connection, old, {"token": new.token, "owner": new.owner})


def progress(connection: Connection, given: Lease, place: Key) -> bool:
    """Note that the range is done up to *place*; False when the lease is no longer there.

    Then somebody took its owner for dead, and what was done must not be committed.
    """
    if place == given.upto:
        return end(connection, given)
    return _update(connection, given, {"after": dumps(place)})


def end(connection: Connection, given: Lease) -> bool:
    """End a lease; False when it is no longer there."""
    ended = connection.execute(sa.delete(LEASE).where(LEASE.c.token == given.token))
    return ended.rowcount == 1


def give_back(connection: Connection, given: Lease) -> None:
    """Let the next one who asks have what is left of the range."""
    _update(connection, given, {"owner": NOBODY})


def is_there(connection: Connection, token: str) -> bool:
    """Return whether the lease *token* exists."""
    query = sa.select(LEASE.c.token).where(LEASE.c.token == token)
    return connection.execute(query).one_or_none() is not None


def stands(connection: Connection, given: Lease) -> bool:
    """Return whether the lease is as it was; waits for a transaction that is about to change it."""
    after = sa.select(LEASE.c.after).where(LEASE.c.token == given.token).with_for_update()
    row = connection.execute(after).one_or_none()
    return row is not None and row.after == (None if given.after is None else dumps(given.after))


def leases(connection: Connection, transition: str) -> tuple[Lease, ...]:
    """Return what is given out of *transition*, and to whom."""
    age = (_now(connection) - LEASE.c.renewed_at).label("age_seconds")
    columns = (LEASE.c.token, LEASE.c.owner, LEASE.c.after, LEASE.c.upto, age)
    rows = connection.execute(sa.select(*columns).where(LEASE.c.transition == transition))
    return tuple(
        Lease(
            token=row.token,
            owner=row.owner,
            after=None if row.after is None else loads(row.after),
            upto=loads(row.upto),
            age_seconds=row.age_seconds,
        )
        for row in rows
    )


def _update(connection: Connection, given: Lease, values: Mapping[str, str]) -> bool:
    """Write *values* into a lease, which renews it; return whether it is there."""
    renewed = sa.update(LEASE).where(LEASE.c.token == given.token)
    written = connection.execute(renewed.values(renewed_at=_now(connection), **values))
    return written.rowcount == 1


def _now(connection: Connection) -> sa.ColumnElement[float]:
    return dialect_of(connection.dialect).now()


# Quarantine: rows that could not be converted.


def quarantine(connection: Connection, transition: str, failures: Iterable[Failure]) -> None:
    """Keep the rows that could not be converted, with their reasons."""
    for failure in failures:
        forget(connection, transition, [failure.key])
        connection.execute(
            sa.insert(QUARANTINE).values(
                transition=transition,
                digest=digest(failure.key),
                key=dumps(failure.key),
                reason=failure.reason[:REASON_LENGTH],
            )
        )


def quarantined(connection: Connection, transition: str) -> tuple[tuple[Key, str], ...]:
    """Return key and reason of every row of *transition* in quarantine."""
    rows = connection.execute(
        sa.select(QUARANTINE.c.key, QUARANTINE.c.reason)
        .where(QUARANTINE.c.transition == transition)
        .order_by(QUARANTINE.c.failed_at, QUARANTINE.c.digest)
    )
    return tuple((loads(row.key), row.reason) for row in rows)


def forget(connection: Connection, transition: str, keys: Sequence[Key]) -> None:
    """Let the rows *keys* of *transition* out of quarantine."""
    for some in portions(keys):
        digests = [digest(key) for key in some]
        connection.execute(
            sa.delete(QUARANTINE).where(
                QUARANTINE.c.transition == transition, QUARANTINE.c.digest.in_(digests)
            )
        )
