"""A server: where tests get fresh, empty databases from."""

from __future__ import annotations

import itertools
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.private import PrivateServer


class Server(ABC):
    """A database server, reached at *url* as somebody who may create databases.

    *process* is None for a server that is not ours: such a server is never killed.
    """

    drivername: ClassVar[str]
    """Database and driver of a URL, when nothing else is asked for."""

    def __init__(self, url: sa.URL, process: PrivateServer | None = None) -> None:
        self._url = url
        self.process = process
        self._numbers = itertools.count(1)
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    @classmethod
    @abstractmethod
    def private(cls, options: Sequence[str] = ()) -> Self:
        """Start a private server, with more *options* on its command line."""

    @abstractmethod
    def create(self, connection: sa.Connection, name: str) -> None:
        """Create the empty database *name*."""

    @abstractmethod
    def drop(self, connection: sa.Connection, name: str) -> None:
        """Drop the database *name*, and end the sessions that still use it."""

    def url(self, database: str, drivername: str | None = None) -> str:
        """Return the URL of *database*, password included, for a driver as postgresql+psycopg."""
        url = self._url.set(drivername=drivername or self._url.drivername, database=database)
        return url.render_as_string(hide_password=False)

    def create_database(self) -> str:
        """Create an empty database and return its name."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with self._engine.connect() as connection:
            self.create(connection, name)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, and end the sessions that still use it."""
        with self._engine.connect() as connection:
            self.drop(connection, name)

    def kill9(self) -> None:
        """Kill a private server with SIGKILL; :meth:`restart` brings it back."""
        self._ours().kill9()

    def restart(self) -> None:
        """Start a private server again, after a crash or a clean stop, on the same data."""
        self._ours().restart()

    def close(self) -> None:
        """Stop a private server and remove its folder; leave a server that is not ours."""
        self._engine.dispose()
        if self.process:
            self.process.remove()

    def _ours(self) -> PrivateServer:
        if self.process is None:
            raise RuntimeError("only a private server may be killed or restarted")
        return self.process
