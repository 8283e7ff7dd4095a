"""A connection as the runner holds it: one session, which begins and waits as it is told."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.session import begin_for_real, limit_waiting, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect


@contextmanager
def commits_not_awaited(connection: Connection, dialect: Dialect) -> Iterator[None]:
    """Let each commit of the body be on disk not before the next one that is awaited.

    Commits reach the disk in their order. So a server that crashes loses the last of them
    with their rows in the history, and the one that follows the body keeps them all.
    """
    if (leave := dialect.leave_commits()) is None:
        yield
        return
    tell(connection, leave)
    try:
        yield
    finally:
        with suppress(sa.exc.SQLAlchemyError, _driver_error(connection)):
            connection.rollback()
            tell(connection, dialect.await_commits())


def _driver_error(connection: Connection) -> type[Exception]:
    error: type[Exception] = connection.dialect.loaded_dbapi.Error
    return error


def session_number(connection: Connection, dialect: Dialect) -> int | None:
    """Return the number of this session, on databases that number them."""
    query = dialect.session()
    if query is None:
        return None
    with connection.begin():
        return int(connection.exec_driver_sql(query).scalar_one())


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run the body in a transaction, also with a driver that would leave DDL out of it.

    A transaction that has begun already goes on.
    """
    if connection.in_transaction():
        yield
        return
    with connection.begin():
        begin_for_real(connection)
        yield


@contextmanager
def outside_transaction(
    connection: Connection, dialect: Dialect, *, lock_timeout: float
) -> Iterator[None]:
    """Let each statement of the body commit by itself and wait for locks without a limit.

    A limit would make a concurrent build fail half way whenever somebody is slow, and it
    is in nobody's way while it waits. *lock_timeout* holds again afterwards.
    """
    before = connection.get_isolation_level()
    connection.rollback()
    limit_waiting(connection, dialect, 0)
    connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with connection.begin():
            yield
    finally:
        connection.execution_options(isolation_level=before)
        limit_waiting(connection, dialect, lock_timeout)


def send(connection: Connection, statement: str) -> None:
    """Send *statement* as it is: neither `%` nor `:` means anything in it."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
