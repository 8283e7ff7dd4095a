"""PostgreSQL for tests: initdb in a temporary folder, reached through a Unix socket."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import sqlalchemy as sa
from typing_extensions import override

from tests.servers.private import PrivateServer, find_program
from tests.servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = 5432
DEBIAN = Path("/usr/lib/postgresql")
# Nothing is flushed to the disk, but every commit is handed to the kernel and no page
# is torn: a server that is killed loses nothing, only a machine that stops does.
SETTINGS = {
    "autovacuum": "off",
    "checkpoint_timeout": "1d",
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "listen_addresses": "",
    "max_connections": "100",
    "max_prepared_transactions": "2",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "port": str(PORT),
    "wal_level": "minimal",
}


class PostgreSQL(Server):
    """A PostgreSQL server."""

    drivername: ClassVar[str] = "postgresql+psycopg2"

    @override
    @classmethod
    def private(cls, options: Sequence[str] = ()) -> Self:
        initdb, postgres = program("initdb"), program("postgres")
        process = PrivateServer("postgresql", user="postgres")
        data, folder = process.folder / "data", process.folder
        login = ("--username=migrator", "--auth=trust")
        locale = ("--encoding=UTF8", "--locale=C.UTF-8")
        process.run([initdb, "--no-sync", *login, *locale, data])
        url = sa.URL.create(
            cls.drivername, "migrator", port=PORT, database="postgres", query={"host": str(folder)}
        )
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command: list[str | Path] = [postgres, "-D", data, "-k", folder, *settings, *options]
        process.start(command, ready=lambda pid: _ready(pid, data / "postmaster.pid"))
        return cls(url, process)

    @override
    def create(self, connection: sa.Connection, name: str) -> None:
        version = connection.dialect.server_version_info or (0,)
        # Copying files beats copying through the log, which became the default in 15.
        strategy = " STRATEGY file_copy" if version >= (15,) else ""
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"CREATE DATABASE {quoted} TEMPLATE template0{strategy}")

    @override
    def drop(self, connection: sa.Connection, name: str) -> None:
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")


def program(name: str) -> str:
    """Return the path of *name*; Debian keeps servers out of PATH, the newest is the best."""
    found = DEBIAN.glob("*/bin")
    newest = sorted(found, key=lambda folder: float(folder.parent.name), reverse=True)
    return find_program(name, folders=newest, package="postgresql")


def _ready(pid: int, status: Path) -> bool:
    """Say whether process *pid* has written that it is ready; a killed one left its file."""
    # The file is there before anything is in it.
    lines = status.read_text().split() if status.exists() else []
    return lines[:1] == [str(pid)] and lines[-1:] == ["ready"]
