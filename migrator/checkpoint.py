"""Where the batches of a transition stand: checkpoint, leases, quarantine.

A checkpoint commits in the transaction of its data. It is an optimisation: what is left
to do is always read with the transition's own predicate.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.errors import OnlineError
from migrator.history import METADATA, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from migrator.transitions.batch import Key
    from migrator.transitions.transition import Failure

REASON_LENGTH = 255
MICROSECOND = timedelta(microseconds=1)
KEYS_PER_STATEMENT = 200

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
    sa.Column("upto", sa.Text, nullable=False),
    sa.Column("renewed_at", sa.Double, nullable=False),
)
"""One row a range that somebody works on; it goes in the transaction that moves the range.

*renewed_at* is in seconds since 1970 by the clock of the database.
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


def count(
    connection: Connection, transition: str, completed: int, *, batch_size: int | None
) -> None:
    """Add to the number of rows that batches have moved; remember a size that is not None."""
    connection.execute(
        sa.update(CHECKPOINT)
        .where(CHECKPOINT.c.transition == transition)
        .values(
            completed=CHECKPOINT.c.completed + completed,
            batch_size=CHECKPOINT.c.batch_size if batch_size is None else batch_size,
            updated_at=sa.func.now(),
        )
    )


# Leases: who works on a range.


class Lease(NamedTuple):
    """A range that somebody works on; *age_seconds* since it was renewed, by the database."""

    token: str
    owner: str
    age_seconds: float


def lease(connection: Connection, transition: str, upto: Key, *, token: str, owner: str) -> None:
    """Note that *owner* works on the range up to *upto*; only one who knows *token* may end it."""
    connection.execute(
        sa.insert(LEASE).values(
            token=token,
            transition=transition,
            owner=owner,
            upto=dumps(upto),
            renewed_at=dialect_of(connection.dialect).now(),
        )
    )


def give_back(connection: Connection, token: str) -> bool:
    """End a lease; False when it is no longer there, so that the work must not be kept."""
    return connection.execute(sa.delete(LEASE).where(LEASE.c.token == token)).rowcount == 1


def renew(connection: Connection, token: str) -> bool:
    """Renew a lease; False when it is no longer there."""
    now = dialect_of(connection.dialect).now()
    renewed = sa.update(LEASE).where(LEASE.c.token == token).values(renewed_at=now)
    return connection.execute(renewed).rowcount == 1


def is_held(connection: Connection, token: str) -> bool:
    """Return whether the lease exists; waits for a transaction that is about to end it."""
    statement = sa.select(LEASE.c.token).where(LEASE.c.token == token).with_for_update()
    return connection.execute(statement).one_or_none() is not None


def leases(connection: Connection, transition: str) -> tuple[Lease, ...]:
    """Return who works on *transition*."""
    age = dialect_of(connection.dialect).now() - LEASE.c.renewed_at
    rows = connection.execute(
        sa.select(LEASE.c.token, LEASE.c.owner, age).where(LEASE.c.transition == transition)
    )
    return tuple(Lease(*row) for row in rows)


# Quarantine: rows that could not be converted.


def quarantine(connection: Connection, transition: str, failures: Iterable[Failure]) -> None:
    """Keep the rows that could not be converted, with their reasons."""
    for failure in failures:
        forget(connection, transition, [failure.key])
        connection.execute(
            sa.insert(QUARANTINE).values(
                transition=transition,
                digest=_digest(failure.key),
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
        digests = [_digest(key) for key in some]
        connection.execute(
            sa.delete(QUARANTINE).where(
                QUARANTINE.c.transition == transition, QUARANTINE.c.digest.in_(digests)
            )
        )


def portions(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Yield *keys* in portions that every database takes in one statement."""
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        yield keys[start : start + KEYS_PER_STATEMENT]


# Keys as text.

_TAGGED: dict[str, tuple[type, Callable[[Any], object], Callable[[Any], object]]] = {
    "uuid": (UUID, str, UUID),
    "decimal": (Decimal, str, Decimal),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "microseconds": (timedelta, lambda each: each // MICROSECOND, lambda each: each * MICROSECOND),
    "bytes": (bytes, lambda each: b64encode(each).decode(), b64decode),
}
"""What JSON has no type for: tag → type, to JSON, from JSON; datetime is a date, so first."""


def dumps(key: Key) -> str:
    """Return *key* as JSON text that `loads` reads back to the same values."""
    return json.dumps([_encoded(value) for value in key], ensure_ascii=False)


def loads(text: str) -> Key:
    """Return the key that `dumps` wrote."""
    return tuple(_decoded(value) for value in json.loads(text))


def _digest(key: Key) -> str:
    return hashlib.sha256(dumps(key).encode()).hexdigest()


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    for tag, (type_, encode, _decode) in _TAGGED.items():
        if isinstance(value, type_):
            return {tag: encode(value)}
    raise OnlineError(
        f"a key of type {type(value).__name__} cannot be kept in a checkpoint",
        hint="give the transition another unique key: key=('column',)",
    )


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((tag, text),) = value.items()
    return _TAGGED[tag][2](text)
