"""Services: the live processes, what they map, and until when they count as alive.

A process registers itself and keeps its row fresh from a thread of its own; the clock
that decides is the database's. One that cannot be asked counts as alive until its lease
is over::

    with register(engine, name="api", models=Base, release="kilo"):
        serve()

Importing this module pulls in SQLAlchemy and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import registry

from migrator.dialects import dialect_of
from migrator.errors import ConfigurationError, DatabaseError, describe_database_error, wrap
from migrator.history import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["LiveService", "Service", "alive", "forget", "listed", "mapped_columns", "register"]

log = logging.getLogger(__name__)
T = TypeVar("T")

LEASE_SECONDS = 60.0
BEATS_PER_LEASE = 3
LONGEST_PAUSE_SECONDS = 5.0
"""How long the heartbeat waits at most before it tries a failing database again."""
KEEP_SECONDS = 86_400.0
"""How long after its lease the row of a dead process can still be seen."""

_LONG = sa.Text().with_variant(sa.Text(2**24 - 1), "mysql", "mariadb")

SERVICE = sa.Table(
    "migrator_service",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("release", sa.String(255)),
    sa.Column("versions", _LONG, nullable=False),
    sa.Column("columns", _LONG, nullable=False),
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("last_seen", sa.Double, nullable=False),
    sa.Column("lease_seconds", sa.Double, nullable=False),
)
"""One row a process. Moments are seconds since 1970 by the clock of the database."""

Models: TypeAlias = "registry | type | Iterable[type]"
"""What a process maps: a registry, a declarative base, or the mapped classes themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveService:
    """One process as the registry knows it; *age* is in seconds since it was last seen."""

    id: str
    name: str
    host: str
    pid: int
    release: str | None
    versions: Mapping[str, str]
    columns: frozenset[str]
    """Columns that its models map, as 'table.column' or 'schema.table.column'."""
    started_at: float
    last_seen: float
    lease_seconds: float
    age: float

    @property
    def alive(self) -> bool:
        """Whether its lease is still running."""
        return self.age < self.lease_seconds


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
            _transact(self.engine, lambda connection: _delete(connection, self.id))
        except (sa.exc.SQLAlchemyError, OSError) as error:
            log.warning("service %s could not sign off: %s", self.id, _describe(error))

    def _enter(self) -> None:
        fresh = str(uuid4())
        values = {**self.row, "id": fresh, "lease_seconds": self.lease_seconds}

        def insert(connection: Connection) -> None:
            SERVICE.create(connection, checkfirst=True)
            now = dialect_of(connection.dialect).now()
            old = sa.or_(SERVICE.c.id == self.id, _over(now, KEEP_SECONDS))
            connection.execute(sa.delete(SERVICE).where(old))
            connection.execute(sa.insert(SERVICE).values(**values, started_at=now, last_seen=now))

        def twice() -> None:
            try:
                _transact(self.engine, insert)
            except sa.exc.SQLAlchemyError:
                # Two processes that start together may both find the table missing.
                _transact(self.engine, insert)

        _doing("registering a service", twice)
        self.id = fresh

    def _renew(self, connection: Connection) -> bool:
        now = dialect_of(connection.dialect).now()
        mine = sa.and_(SERVICE.c.id == self.id, sa.not_(_over(now)))
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


def mapped_columns(models: Models) -> frozenset[str]:
    """Return every column of every table that *models* map, as 'table.column'.

    Columns that a converter keeps out of sight are among them: they stand in the table.
    """
    tables: set[sa.FromClause] = set()
    for known in _registries(models):
        known.configure()
        tables.update(known.metadata.tables.values())
        tables.update(table for mapper in known.mappers for table in mapper.tables)
    if not tables:
        raise ConfigurationError("the models of this service map no table")
    return frozenset(
        f"{table.fullname}.{column.name}"
        for table in tables
        if isinstance(table, sa.Table)
        for column in table.columns
    )


def listed(connection: Connection) -> tuple[LiveService, ...]:
    """Return every process in the registry, also those whose lease is over."""
    if not sa.inspect(connection).has_table(SERVICE.name):
        return ()
    age = (dialect_of(connection.dialect).now() - SERVICE.c.last_seen).label("age")
    query = sa.select(SERVICE, age).order_by(SERVICE.c.name, SERVICE.c.host, SERVICE.c.pid)
    return tuple(_service(row) for row in connection.execute(query).mappings())


def alive(connection: Connection) -> tuple[LiveService, ...]:
    """Return the processes whose lease is still running, by the database's clock."""
    return tuple(service for service in listed(connection) if service.alive)


def forget(connection: Connection, service: LiveService) -> None:
    """Take *service* out of the registry; the caller knows that the process is dead."""
    _delete(connection, service.id)


def _service(row: sa.RowMapping) -> LiveService:
    values = {
        **row,
        "versions": json.loads(row["versions"]),
        "columns": frozenset(json.loads(row["columns"])),
        "age": float(row["age"]),
    }
    return LiveService(**values)


def _over(now: sa.ColumnElement[float], beyond: float = 0.0) -> sa.ColumnElement[bool]:
    return SERVICE.c.last_seen + SERVICE.c.lease_seconds + beyond <= now


def _delete(connection: Connection, id_: str) -> None:
    connection.execute(sa.delete(SERVICE).where(SERVICE.c.id == id_))


def _registries(models: Models) -> Iterable[registry]:
    if isinstance(models, registry):
        return (models,)
    if isinstance(models, type):
        known = getattr(models, "registry", None) or getattr(models, "_sa_registry", None)
        if not isinstance(known, registry):
            raise ConfigurationError(f"{models.__name__} is no declarative base or mapped class")
        return (known,)
    return {sa.inspect(model).registry: None for model in models}


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
