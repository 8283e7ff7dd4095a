"""The registry of services: a table with one row a process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.errors import ConfigurationError
from migrator.history import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveService:
    """One process as the registry knows it; *age* is in seconds since it was last seen."""

    id: str
    name: str
    host: str
    pid: int
    release: str | None
    versions: Mapping[str, str]
    columns: frozenset[str] | None
    """Columns that its models map, as 'table.column' or 'schema.table.column'.

    None when its row cannot be read: it may map anything.
    """
    started_at: float
    last_seen: float
    lease_seconds: float
    age: float

    @property
    def alive(self) -> bool:
        """Whether its lease is still running; it is unless the numbers say that it is over."""
        return not self.age >= self.lease_seconds


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


def named(connection: Connection, id_: str, *, force: bool = False) -> LiveService:
    """Return the one process whose id begins with *id_*, for it to be forgotten.

    Raises ConfigurationError when there is none or more than one, and, without *force*,
    when its lease still runs.
    """
    chosen = [service for service in listed(connection) if service.id.startswith(id_)]
    if len(chosen) != 1:
        many = "more than one process has" if chosen else "no process has"
        raise ConfigurationError(f"{many} an id that begins with {id_!r}", hint="migrator services")
    (service,) = chosen
    if service.alive and not force:
        left = service.lease_seconds - service.age
        raise ConfigurationError(
            f"{service.name} on {service.host} was seen {service.age:.0f} s ago, its lease runs "
            f"for {left:.0f} s more",
            hint="stop it, or wait until its lease is over; --force when the machine is dead",
        )
    return service


def forget(connection: Connection, service: LiveService) -> None:
    """Take *service* out of the registry; the caller knows that the process is dead."""
    delete(connection, service.id)


def _service(row: sa.RowMapping) -> LiveService:
    """Return a row of the registry; whatever stands in it, it is a process to reckon with."""
    versions, columns = _parsed(row["versions"]), _parsed(row["columns"])
    known = isinstance(columns, list) and all(isinstance(each, str) for each in columns)
    values = {
        **row,
        "versions": versions if isinstance(versions, dict) else {},
        "columns": frozenset(columns) if known else None,
        "age": float(row["age"]),
    }
    return LiveService(**values)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def over(now: sa.ColumnElement[float], beyond: float = 0.0) -> sa.ColumnElement[bool]:
    """Return whether a lease is over, by *beyond* seconds, at the moment *now*."""
    return SERVICE.c.last_seen + SERVICE.c.lease_seconds + beyond <= now


def delete(connection: Connection, *ids: str) -> None:
    """Take the rows of *ids* away, by their keys: nobody else's row is locked."""
    for id_ in ids:
        connection.execute(sa.delete(SERVICE).where(SERVICE.c.id == id_))
