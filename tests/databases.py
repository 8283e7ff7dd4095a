"""The databases that tests run on: one list, and a fresh database of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator.dialects import dialect_named
from tests.servers import open_server, url_of_existing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.server import Server

DATABASES = ("sqlite", "postgresql", "mariadb")

DRIVERS = {
    "sqlite+pysqlite": "sqlite",
    "postgresql+psycopg2": "postgresql",
    "postgresql+psycopg": "postgresql",
    "mariadb+pymysql": "mariadb",
    "mariadb+mysqldb": "mariadb",
    "mysql+pymysql": "mariadb",
    "mysql+mysqldb": "mariadb",
}
"""What a URL may begin with → the database that it reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A fresh, empty database; *server* is None for SQLite, which is a file."""

    name: str
    url: str
    server: Server | None = None
    engines: list[sa.Engine] = field(default_factory=list, repr=False, compare=False)

    def engine(self, **options: Any) -> sa.Engine:
        """Return a new engine, which is disposed when the test ends."""
        self.engines.append(sa.create_engine(self.url, **options))
        return self.engines[-1]

    def through(self, drivername: str) -> Database:
        """Return the same database through another driver, as postgresql+asyncpg."""
        url = sa.make_url(self.url).set(drivername=drivername)
        if not drivername.endswith("+pymysql"):
            url = url.difference_update_query(["ssl_disabled"])
        return replace(self, url=url.render_as_string(hide_password=False))


class Servers:
    """The servers of a session: each starts when a test first asks for it."""

    def __init__(self) -> None:
        self._open: dict[str, Server] = {}

    def __getitem__(self, name: str) -> Server:
        if name not in self._open:
            self._open[name] = open_server(name)
        return self._open[name]

    def close(self) -> None:
        """Stop every server that was started."""
        while self._open:
            self._open.popitem()[1].close()


def fresh(name: str, servers: Servers, folder: Path) -> Iterator[Database]:
    """Yield a fresh database of *name*, and remove it afterwards."""
    if name == "sqlite":
        database = Database(name=name, url=f"sqlite:///{folder / 'test.db'}")
        yield database
        _dispose(database)
        return
    server = servers[name]
    made = server.create_database()
    database = Database(name=name, url=server.url(made), server=server)
    yield database
    _dispose(database)
    server.drop_database(made)


def why_not(name: str, capability: str) -> str | None:
    """Return why the database called *name* is without *capability*, or None when it has it.

    A capability is one of the dialect's, or "kill9": a private server, which may be killed.
    """
    if capability != "kill9":
        able = getattr(dialect_named(name).capabilities, capability)
        return None if able else f"{name} has not the capability {capability!r}"
    if name == "sqlite":
        return "sqlite has no server to kill"
    return f"{name} is not a private server" if url_of_existing(name) else None


def _dispose(database: Database) -> None:
    for engine in database.engines:
        engine.dispose()
