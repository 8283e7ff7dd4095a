"""MariaDB for tests: installed into a temporary folder, reached through a Unix socket."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import sqlalchemy as sa
from typing_extensions import override

from tests.servers.private import PrivateServer, find_program
from tests.servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

# As for PostgreSQL: commits are handed to the kernel (2) and never flushed to the disk.
SETTINGS = (
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-size=128M",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-log-file-size=96M",
    "--max-connections=100",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--skip-networking",
    "--sync-binlog=0",
)


class MariaDB(Server):
    """A MariaDB server, or MySQL where a URL says so."""

    drivername: ClassVar[str] = "mariadb+pymysql"

    @override
    @classmethod
    def private(cls, options: Sequence[str] = ()) -> Self:
        install, mariadbd = _program("mariadb-install-db"), _program("mariadbd")
        process = PrivateServer("mariadb", user="mysql")
        path = process.folder / "socket"
        base = f"--basedir={Path(mariadbd).parent.parent}"
        places = ["--no-defaults", base, f"--datadir={process.folder / 'data'}"]
        login = ("--auth-root-authentication-method=normal", "--skip-test-db")
        process.run([install, *places, *login, *SETTINGS])
        url = sa.URL.create(
            cls.drivername,
            "root",
            host="localhost",
            database="mysql",
            # Else PyMySQL reads all authorities of the machine each time that it connects.
            query={"charset": "utf8mb4", "unix_socket": str(path), "ssl_disabled": "true"},
        )
        command = [mariadbd, *places, f"--socket={path}", *SETTINGS, *options]
        process.start(command, ready=lambda _pid: _listens(path))
        return cls(url, process)

    @override
    def create(self, connection: sa.Connection, name: str) -> None:
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"CREATE DATABASE {quoted} CHARACTER SET utf8mb4")

    @override
    def drop(self, connection: sa.Connection, name: str) -> None:
        sessions = sa.text("SELECT id FROM information_schema.processlist WHERE db = :name")
        for session in connection.scalars(sessions, {"name": name}).all():
            with suppress(sa.exc.OperationalError):  # it has just gone by itself
                connection.execute(sa.text("KILL :session"), {"session": session})
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted}")


def _program(name: str) -> str:
    return find_program(name, folders=(), package="mariadb-server")


def _listens(path: Path) -> bool:
    """Say whether somebody listens at *path*; the server does so when it has recovered."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
