"""A service: this process in the registry, and the thread that keeps it alive there."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.errors import ConfigurationError, DatabaseError, describe_database_error, wrap
from migrator.services.mapped import mapped_columns
from migrator.services.table import SERVICE, delete, over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from migrator.services.mapped import Models

log = logging.getLogger(__name__)
T = TypeVar("T")

LEASE_SECONDS = 60.0
BEATS_PER_LEASE = 3
LONGEST_PAUSE_SECONDS = 5.0
"""How long the heartbeat waits at most before it tries a failing database again."""
KEEP_SECONDS = 86_400.0
"""How long after its lease the row of a dead process can still be seen."""


@dataclass(slots=True, kw_only=True)
class Service:
    """This process in the registry: its heartbeat runs until :meth:`close`.

    A process that forks registers in each child: a thread does not follow a fork.
    """

    engine: Engine | AsyncEngine
    row: Mapping[str, Any]
    lease_seconds: float
    id: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Write the row and begin to keep it fresh."""
        self._enter()
        self._thread = threading.Thread(
            target=self._keep_beating, name=f"migrator-service-{self.row['name']}", daemon=True
        )
        self._thread.start()

    def beat(self) -> bool:
        """Say that this process is alive; return False if its lease was over.

        It is then registered anew, under another id, and a warning is logged: what it
        maps may have been dropped while it was taken for dead.
        """
        with self._one_at_a_time:
            if _doing("renewing a lease", lambda: _transact(self.engine, self._renew)):
                return True
            lost = self.id
            self._enter()
        log.warning("service %s was not seen for its lease and is registered anew", lost)
        return False

    def close(self) -> None:
        """Stop the heartbeat and take the row away; without a database, the lease runs out."""
        if os.getpid() != self.row["pid"]:
            return  # a child of a fork: the row is its parent's
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            _transact(self.engine, lambda connection: delete(connection, self.id))
        except (sa.exc.SQLAlchemyError, OSError) as error:
            log.warning("service %s could not sign off: %s", self.id, _describe(error))

    def _enter(self) -> None:
        """Write a row under a new id, and sweep away those of the long dead."""
        lost, self.id = self.id, str(uuid4())
        _doing("registering a service", self._insert)
        with suppress(sa.exc.SQLAlchemyError, OSError):
            _transact(self.engine, partial(_sweep, lost=lost))

    def _insert(self) -> None:
        def insert(connection: Connection) -> None:
            now = dialect_of(connection.dialect).now()
            values = {**self.row, "id": self.id, "lease_seconds": self.lease_seconds}
            connection.execute(sa.insert(SERVICE).values(**values, started_at=now, last_seen=now))

        try:
            _transact(self.engine, insert)
        except sa.exc.DBAPIError:
            # The table may be missing; another process may make it at this moment.
            with suppress(sa.exc.DBAPIError):
                _transact(self.engine, partial(SERVICE.create, checkfirst=True))
            _transact(self.engine, insert)

    def _renew(self, connection: Connection) -> bool:
        now = dialect_of(connection.dialect).now()
        mine = sa.and_(SERVICE.c.id == self.id, sa.not_(over(now)))
        connection.execute(sa.update(SERVICE).where(mine).values(last_seen=now))
        return connection.execute(sa.select(SERVICE.c.id).where(mine)).first() is not None

    def _keep_beating(self) -> None:
        pause = between = self.lease_seconds / BEATS_PER_LEASE
        while not self._stop.wait(pause):
            try:
                self.beat()
                pause = between
            except DatabaseError as error:
                pause = min(between / BEATS_PER_LEASE, LONGEST_PAUSE_SECONDS)
                log.warning("service %s could not be seen: %s", self.id, error)


def register(  # noqa: PLR0913 - each is said by its name
    engine: Engine | AsyncEngine,
    *,
    name: str,
    models: Models,
    release: str | None = None,
    versions: Mapping[str, str] | None = None,
    lease_seconds: float = LEASE_SECONDS,
) -> Service:
    """Register this process as service *name* and keep it alive until it is closed.

    For an AsyncEngine connections of their own are opened from its URL, in a thread.
    Raises DatabaseError when the database cannot be written.
    """
    if lease_seconds <= 0:
        raise ConfigurationError(f"a lease of {lease_seconds} s is over at once")
    row = {
        "name": name,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "release": release,
        "versions": json.dumps(dict(versions or {}), sort_keys=True),
        "columns": json.dumps(sorted(mapped_columns(models))),
    }
    service = Service(engine=engine, row=row, lease_seconds=lease_seconds)
    service.start()
    return service


def _sweep(connection: Connection, lost: str) -> None:
    now = dialect_of(connection.dialect).now()
    query = sa.select(SERVICE.c.id).where(over(now, KEEP_SECONDS))
    delete(connection, *connection.execute(query).scalars(), lost)


def _doing(what: str, work: Callable[[], T]) -> T:
    """Return what *work* returns; a driver's error becomes ours, without row data."""
    try:
        return work()
    except sa.exc.SQLAlchemyError as error:
        raise wrap(error, doing=what) from error
    except OSError as error:
        raise DatabaseError(f"{what} failed: {type(error).__name__}") from error


def _describe(error: Exception) -> str:
    if isinstance(error, sa.exc.SQLAlchemyError):
        return describe_database_error(error)
    return type(error).__name__


def _transact(engine: Engine | AsyncEngine, work: Callable[[Connection], T]) -> T:
    """Return what *work* returns, done in a transaction of its own on *engine*."""
    if isinstance(engine, sa.Engine):
        with engine.begin() as connection:
            return work(connection)
    return _transact_async(engine.url, work)


def _transact_async(url: sa.URL, work: Callable[[Connection], T]) -> T:
    """Do *work* over an asynchronous driver, on a loop of its own in a thread of its own."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def transact() -> T:
        engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, transact()).result()
