"""Database servers of the tests: private ones in temporary folders, or one named by a URL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL

if TYPE_CHECKING:
    from tests.servers.server import Server

SERVERS: dict[str, type[Server]] = {"postgresql": PostgreSQL, "mariadb": MariaDB}


def url_of_existing(name: str) -> str | None:
    """Return the URL of the server to use instead of a private one, if there is one."""
    return os.environ.get(f"MIGRATOR_TEST_{name.upper()}_URL")


def open_server(name: str) -> Server:
    """Start a private server of the database called *name*, or use the one of its URL."""
    url = url_of_existing(name)
    return SERVERS[name](sa.make_url(url)) if url else SERVERS[name].private()
