"""Concurrent: statements that run outside a transaction, and the invalid index one may leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator.apply.connection import outside_transaction, transaction
from migrator.errors import LockedError, MigrationError, StepError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.sql import Effect, Statement


def index_of(statement: Statement) -> Effect | None:
    """Return the index that *statement* builds, when that is what it does.

    Raises MigrationError for one without a name: what it leaves when it fails could not be
    told from others.
    """
    for effect in statement.effects:
        if (effect.verb, effect.thing) == ("add", "index"):
            if effect.name is None:
                raise MigrationError("an index that is built concurrently needs a name")
            return effect
    return None


def drop_invalid(
    connection: Connection, dialect: Dialect, index: Effect, *, lock_timeout: float
) -> bool:
    """Drop what a failed build of *index* has left; return whether there was something.

    An invalid index is kept up at every write and serves no query, and CREATE INDEX
    … IF NOT EXISTS takes it for done. Raises LockedError when it is still being built.
    """
    with transaction(connection):
        found = _look(connection, dialect, index)
    if found is None or found.valid:
        return False
    if found.builder is not None:
        raise LockedError(
            f"index {index.name!r} is being built by session {found.builder}",
            hint="wait until that is done, or end that session",
        )
    table = sa.Table(index.table or "", sa.MetaData(), sa.Column("x"), schema=found.schema)
    leftover = sa.Index(found.name, table.c.x, postgresql_concurrently=True)
    with outside_transaction(connection, dialect, lock_timeout=lock_timeout):
        connection.execute(sa.schema.DropIndex(leftover))
    return True


def valid(connection: Connection, dialect: Dialect, index: Effect) -> bool:
    """Return whether *index* is there and can be used."""
    found = _look(connection, dialect, index)
    return found is not None and bool(found.valid)


def check_valid(connection: Connection, dialect: Dialect, index: Effect) -> None:
    """Raise StepError unless *index* is there, on its table, and can be used."""
    with transaction(connection):
        usable = valid(connection, dialect, index)
    if not usable:
        raise StepError(
            f"there is no valid index {index.name!r} on {index.table!r} after it was built",
            hint="perhaps it is on another table, and IF NOT EXISTS took it for this one",
        )


def _look(connection: Connection, dialect: Dialect, index: Effect) -> sa.Row[Any] | None:
    values = {"name": index.name, "table": index.table, "schema": index.schema}
    return connection.execute(sa.text(dialect.index_state()), values).one_or_none()
