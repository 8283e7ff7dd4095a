"""MariaDB, or MySQL where that is what is installed: a private server behind one Unix socket."""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa
from typing_extensions import override

from ci.databases import mariadb_catalogue as catalogue
from ci.databases.restoring import mariadb as dumps
from ci.databases.server import (
    DATABASE,
    END_SECONDS,
    OWNER,
    PROBE,
    SESSIONS,
    SUPERUSER,
    Server,
    said,
)
from ci.errors import SetupError
from ci.programs import Program, find_program, run_well
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTALL = "mariadb-install-db"
SETTINGS: Mapping[str, str] = {
    "character-set-server": "utf8mb4",
    "event-scheduler": "OFF",  # what runs by the clock is in no step
    "innodb-buffer-pool-dump-at-shutdown": "OFF",  # else no start is a cold one
    "innodb-buffer-pool-load-at-startup": "OFF",
    "local-infile": "0",
    "performance-schema": "ON",
    "performance-schema-instrument": "wait/lock/metadata/sql/mdl=ON",
    "skip-log-bin": "",
    "skip-name-resolve": "",
    "skip-networking": "",
    "symbolic-links": "0",
}
# Disks of machines that test are shared and slow: commits are written and never flushed, and
# what would be flushed is measured as bytes of redo instead. The double write stays.
ONLY_MARIADB: Mapping[str, str] = {
    "innodb-flush-method": "nosync",
    "plugin-load-add": "metadata_lock_info",  # the performance schema misses what is upgraded
    "userstat": "ON",
}
ONLY_MYSQL: Mapping[str, str] = {
    "information-schema-stats-expiry": "0",
    "innodb-flush-log-at-trx-commit": "2",
    "mysqlx": "OFF",
}
SOCKET = "mariadb.sock"
GREETING_SECONDS = 1


class MariaDB(Server):
    """A MariaDB server, or a MySQL one."""

    engine: Engine = Engine.MARIADB
    user_name: ClassVar[str] = "mysql"
    start_hint: ClassVar[str] = "look at the settings of the database"
    # Else PyMySQL reads all authorities of the machine each time: 20 ms, for a Unix socket.
    own_query: ClassVar[Mapping[str, str]] = {"ssl_disabled": "true"}

    @override
    def find_version(self) -> str:
        found = re.search(r"Ver (\S+)", said(_server(), "--version"))
        return found[1] if found else "unknown"

    @property
    def is_mysql(self) -> bool:
        """Whether it is MySQL's server that is installed."""
        return "MariaDB" not in self.version

    @override
    def initialise(self) -> None:
        if self.is_mysql:
            command = [_server(), "--no-defaults", "--initialize-insecure"]
        else:
            install = find_program(INSTALL, package="mariadb-server")
            login = "--auth-root-authentication-method=normal"
            command = [install, "--no-defaults", login, "--skip-test-db", *self._base()]
        program = Program(
            arguments=[*command, f"--datadir={self.folder.data}"],
            user=self.user,
            folder=self.folder.path,
            files=[self.folder.lock],
        )
        run_well(program, log=self.folder.log, seconds=300, step="install the database")
        self.start()
        root = self.url("root", "mysql").set(password="")
        with self.asking("install the database", url=root) as connection:
            catalogue.make_roles(
                connection,
                database=DATABASE,
                passwords={role: self.password(role) for role in (SUPERUSER, OWNER, PROBE)},
            )

    def _base(self) -> list[str]:
        return [f"--basedir={Path(_server()).resolve().parent.parent}"]

    @override
    def program(self, *, restoring: bool) -> Program:
        own = ONLY_MYSQL if self.is_mysql else ONLY_MARIADB
        settings = {**SETTINGS, **own, **self.places.settings}
        nothing = self.folder.path / "nothing"
        nothing.mkdir(exist_ok=True)
        places = {
            "datadir": self.folder.data,
            "pid-file": self.folder.path / "pid",
            "secure-file-priv": nothing,
            "socket": self.folder.socket / SOCKET,
            "tmpdir": self.folder.path,
        }
        options = [f"--{name}={value}" for name, value in {**settings, **places}.items()]
        return Program(
            arguments=[
                _server(),
                "--no-defaults",
                *self._base(),
                *(each.removesuffix("=") for each in options),
            ],
            user=self.user,
            folder=self.folder.path,
            files=[self.folder.lock],
            grace=300,
        )

    @override
    def ready(self) -> bool:
        # It greets when it has started wholly; ended before that, it would hang.
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.settimeout(GREETING_SECONDS)
            client.connect(str(self.folder.socket / SOCKET))
            return bool(client.recv(1))
        return False

    @override
    def load(self, dump: Path) -> None:
        target = dumps.Target(
            socket=self.folder.socket / SOCKET,
            user=OWNER,
            password=self.password(OWNER),
            database=DATABASE,
            log=self.folder.log,
            seconds=self.places.seconds,
        )
        dumps.restore(dump, target)

    @override
    def harden(self, connection: sa.Connection) -> None:
        if not self.is_mysql:
            connection.exec_driver_sql(f"SET max_statement_time = {self.places.seconds}")

    @override
    def tidy(self, connection: sa.Connection) -> None:
        catalogue.analyze(connection, DATABASE)
        # All that is deleted is purged when it stops.
        connection.exec_driver_sql("SET GLOBAL innodb_fast_shutdown = 0")

    @override
    def url(self, role: str, database: str, driver: str | None = None) -> sa.URL:
        return sa.URL.create(
            f"{'mysql' if self.is_mysql else 'mariadb'}+{driver or 'pymysql'}",
            role,
            self.password(role),
            host="localhost",
            database=database,
            query={"charset": "utf8mb4", "unix_socket": str(self.folder.socket / SOCKET)},
        )

    @override
    def end_sessions(self) -> None:
        give_up = time.monotonic() + END_SECONDS
        with self.asking(SESSIONS) as connection:
            while sessions := connection.scalars(catalogue.SESSIONS, {"role": OWNER}).all():
                if time.monotonic() > give_up:
                    raise SetupError("a session does not end", step=SESSIONS)
                for session in sessions:
                    with suppress(sa.exc.OperationalError):  # it has just gone by itself
                        connection.execute(sa.text("KILL :session"), {"session": session})
                time.sleep(0.01)
            catalogue.end_prepared(connection, mysql=self.is_mysql)

    @override
    def schema(self) -> Mapping[str, tuple[str, ...]]:
        with self.asking("schema") as connection:
            return catalogue.schema(connection, DATABASE)

    @override
    def sizes(self) -> Mapping[str, tuple[int, int, int]]:
        with self.asking("sizes") as connection:
            return catalogue.sizes(connection, DATABASE)


def _server() -> str:
    return find_program("mariadbd", "mysqld", package="mariadb-server")
