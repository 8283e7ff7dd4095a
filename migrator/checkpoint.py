"""Where the batches of a transition stand: checkpoint, leases on ranges, quarantine.

A checkpoint commits in the transaction of its data. It is an optimisation: what is left
to do is always read with the transition's own predicate.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from migrator.errors import OnlineError
from migrator.history import METADATA, UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.transitions.batch import Key, Range
    from migrator.transitions.transition import Failure

CHECKPOINT = sa.Table(
    "migrator_checkpoint",
    METADATA,
    sa.Column("transition", sa.String(190), primary_key=True),
    sa.Column("place", sa.Text),
    sa.Column("turn", sa.Integer, nullable=False, server_default="0"),
    sa.Column("completed", sa.BigInteger, nullable=False, server_default="0"),
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
    sa.Column("renewed_at", UtcDateTime, nullable=False, server_default=sa.func.now()),
)
"""One row a range that somebody works on; it goes in the transaction that moves the range."""

QUARANTINE = sa.Table(
    "migrator_quarantine",
    METADATA,
    sa.Column("transition", sa.String(190), primary_key=True),
    sa.Column("key", sa.String(190), primary_key=True),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("failed_at", UtcDateTime, nullable=False, server_default=sa.func.now()),
)
"""One row a row that could not be converted; it blocks the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the ranges of a transition are given out."""

    place: Key | None
    turn: int
    batch_size: int | None


def read(connection: Connection, transition: str) -> Checkpoint:
    """Return the checkpoint of *transition*, made where there is none."""
    statement = sa.select(CHECKPOINT).where(CHECKPOINT.c.transition == transition)
    row = connection.execute(statement).one_or_none()
    if row is None:
        _make(connection, transition)
        return Checkpoint(place=None, turn=0, batch_size=None)
    return Checkpoint(
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


def claim(
    connection: Connection, transition: str, seen: Checkpoint, rows: Range, *, token: str, owner: str
) -> bool:
    """Take the range *rows* unless somebody moved the checkpoint since it was *seen*."""
    if not advance(connection, transition, seen, place=rows.upto):
        return False
    connection.execute(
        sa.insert(LEASE).values(
            token=token,
            transition=transition,
            owner=owner,
            after=None if rows.after is None else dumps(rows.after),
            upto=dumps(rows.upto or ()),
        )
    )
    return True


def advance(
    connection: Connection, transition: str, seen: Checkpoint, *, place: Key | None
) -> bool:
    """Set the checkpoint to *place* (None: back to the start) unless somebody else moved it."""
    moved = connection.execute(
        sa.update(CHECKPOINT)
        .where(CHECKPOINT.c.transition == transition, CHECKPOINT.c.turn == seen.turn)
        .values(
            place=None if place is None else dumps(place),
            turn=seen.turn + 1,
            updated_at=sa.func.now(),
        )
    )
    return moved.rowcount == 1


def give_back(connection: Connection, token: str) -> bool:
    """End a lease; False when it is no longer ours, so that the work must not be kept."""
    return connection.execute(sa.delete(LEASE).where(LEASE.c.token == token)).rowcount == 1


def renew(connection: Connection, token: str) -> bool:
    """Renew a lease; False when it is no longer ours."""
    renewed = sa.update(LEASE).where(LEASE.c.token == token).values(renewed_at=sa.func.now())
    return connection.execute(renewed).rowcount == 1


def is_held(connection: Connection, token: str) -> bool:
    """Return whether the lease exists; waits for a transaction that is about to end it."""
    statement = sa.select(LEASE.c.token).where(LEASE.c.token == token).with_for_update()
    return connection.execute(statement).one_or_none() is not None


def count(connection: Connection, transition: str, *, completed: int, batch_size: int) -> None:
    """Add to the number of rows that batches have moved, and remember the size of a batch."""
    connection.execute(
        sa.update(CHECKPOINT)
        .where(CHECKPOINT.c.transition == transition)
        .values(
            completed=CHECKPOINT.c.completed + completed,
            batch_size=batch_size,
            updated_at=sa.func.now(),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A range that somebody works on; *age_seconds* since it was renewed, by the database."""

    token: str
    owner: str
    age_seconds: float


def leases(connection: Connection, transition: str) -> tuple[Lease, ...]:
    """Return who works on *transition*."""
    now = sa.type_coerce(sa.func.now(), UtcDateTime()).label("now")
    rows = connection.execute(
        sa.select(LEASE.c.token, LEASE.c.owner, LEASE.c.renewed_at, now).where(
            LEASE.c.transition == transition
        )
    )
    return tuple(
        Lease(
            token=row.token,
            owner=row.owner,
            age_seconds=(row.now - row.renewed_at).total_seconds(),
        )
        for row in rows
    )


# – quarantine –


def quarantine(connection: Connection, transition: str, failures: Iterable[Failure]) -> None:
    """Keep the rows that could not be converted, with their reasons."""
    for failure in failures:
        key = dumps(failure.key)
        if len(key) > 190:  # noqa: PLR2004 - width of the column
            raise OnlineError(
                f"a row of {transition} failed ({failure.reason}) and its key is too long to keep",
                hint="give the transition a shorter unique key: key=('column',)",
            )
        where = sa.and_(QUARANTINE.c.transition == transition, QUARANTINE.c.key == key)
        connection.execute(sa.delete(QUARANTINE).where(where))
        connection.execute(
            sa.insert(QUARANTINE).values(
                transition=transition, key=key, reason=failure.reason[:255]
            )
        )


def quarantined(connection: Connection, transition: str) -> tuple[tuple[Key, str], ...]:
    """Return key and reason of every row of *transition* in quarantine."""
    rows = connection.execute(
        sa.select(QUARANTINE.c.key, QUARANTINE.c.reason)
        .where(QUARANTINE.c.transition == transition)
        .order_by(QUARANTINE.c.key)
    )
    return tuple((loads(row.key), row.reason) for row in rows)


def release(connection: Connection, transition: str) -> int:
    """Let the rows of *transition* out of quarantine, to be tried again; return how many."""
    deleted = sa.delete(QUARANTINE).where(QUARANTINE.c.transition == transition)
    return connection.execute(deleted).rowcount


# – keys as text –

_TAGGED = {
    "uuid": (UUID, str, UUID),
    "decimal": (Decimal, str, Decimal),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "bytes": (bytes, lambda value: b64encode(value).decode(), b64decode),
}
"""What JSON has no type for: tag → type, to text, from text; datetime is a date, so first."""


def dumps(key: Key) -> str:
    """Return *key* as JSON text that `loads` reads back to the same values."""
    return json.dumps([_encoded(value) for value in key], ensure_ascii=False)


def loads(text: str) -> Key:
    """Return the key that `dumps` wrote."""
    return tuple(_decoded(value) for value in json.loads(text))


def _encoded(value: Any) -> Any:  # noqa: ANN401 - a key's value
    if value is None or isinstance(value, str | int | float):
        return value
    for tag, (type_, encode, _decode) in _TAGGED.items():
        if isinstance(value, type_):
            return {tag: encode(value)}
    raise OnlineError(
        f"a key of type {type(value).__name__} cannot be kept in a checkpoint",
        hint="give the transition another unique key: key=('column',)",
    )


def _decoded(value: Any) -> Any:  # noqa: ANN401 - a key's value
    if not isinstance(value, dict):
        return value
    ((tag, text),) = value.items()
    return _TAGGED[tag][2](text)
