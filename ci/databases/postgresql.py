"""PostgreSQL: a private server behind one Unix socket."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa
from typing_extensions import override

from ci.databases import postgresql_catalogue as catalogue
from ci.databases.restoring import postgresql as dumps
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
    from pathlib import Path

    from ci.databases.restoring.extensions import Extension

PORT = 5432
SETTINGS: Mapping[str, str] = {
    # Disks of machines that test are shared and slow: what is flushed is measured as bytes of
    # WAL instead. These are as in production: wal_level and full_page_writes stay as they are.
    "fsync": "off",
    # What autovacuum would do is done whenever a state is kept, never while a step is timed.
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm of a container is too small
    "listen_addresses": "",
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",  # else the code under test fills the disk with warnings
    "port": str(PORT),
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
}
RESTORING: Mapping[str, str] = {
    "full_page_writes": "off",
    "maintenance_work_mem": "256MB",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "wal_recycle": "off",
}
"""Of no use to what is restored."""
OURS: Mapping[str, str] = {
    "search_path": "pg_catalog",
    "role": "none",
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "0",
    "statement_timeout": "0",
}
"""Of our own sessions, from their first moment: whoever owns a database may set others for all
who connect to it, and a driver asks for `pg_type` before we can say where that is."""
ROLES = (
    f"CREATE ROLE {OWNER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    f"CREATE ROLE {PROBE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION IN ROLE {OWNER}",
    f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    "CREATE EXTENSION pg_stat_statements SCHEMA public",
)
"""The extension is not where the code under test and its tools would find it."""


class PostgreSQL(Server):
    """A PostgreSQL server."""

    engine: Engine = Engine.POSTGRESQL
    user_name: ClassVar[str] = "postgres"
    start_hint: ClassVar[str] = "look whether postgresql-contrib is installed, and at the settings"

    @override
    def find_version(self) -> str:
        found = re.search(r"\d\S*", said(_program("postgres"), "--version"))
        return found[0] if found else "unknown"

    @override
    def initialise(self) -> None:
        password = self.folder.path / "password"
        password.touch(mode=0o600)
        password.write_text(self.password(SUPERUSER))
        if self.user:
            os.chown(password, self.user.uid, self.user.gid)
        login = [f"--username={SUPERUSER}", "--auth=scram-sha-256", f"--pwfile={password}"]
        locale = ["--encoding=UTF8", "--locale=C.UTF-8"]
        initdb = Program(
            arguments=[_program("initdb"), "--no-sync", *login, *locale, self.folder.data],
            user=self.user,
            folder=self.folder.path,
            files=[self.folder.lock],
        )
        run_well(initdb, log=self.folder.log, seconds=300, step="initdb")
        password.unlink()
        self.start()
        postgres = self.url(SUPERUSER, "postgres")
        with self.asking("initdb", url=postgres) as connection:
            for statement in ROLES:
                connection.exec_driver_sql(statement)
            for role in (OWNER, PROBE):
                connection.exec_driver_sql(
                    f"ALTER ROLE {role} PASSWORD '{self.password(role)}'"  # hexadecimal
                )
        with self.asking("initdb") as connection:
            connection.exec_driver_sql(f"ALTER SCHEMA public OWNER TO {OWNER}")

    @override
    def program(self, *, restoring: bool) -> Program:
        settings = {
            **SETTINGS,
            # A sort without an end would fill the disk of the machine; only we may change it.
            "temp_file_limit": f"{shutil.disk_usage(self.folder.path).free // 2 >> 10}kB",
            **(RESTORING if restoring else {}),
            **self.places.settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Program(
            arguments=[
                _program("postgres"),
                "-D",
                self.folder.data,
                "-k",
                self.folder.socket,
                *options,
            ],
            user=self.user,
            folder=self.folder.path,
            files=[self.folder.lock],
            stop=signal.SIGINT,
            abandon=signal.SIGQUIT,  # killed, it would leave shared memory behind
            grace=120,
        )

    @override
    def ready(self) -> bool:
        try:
            lines = (self.folder.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[7:8] == ["ready   "]

    @override
    def load(self, dump: Path) -> None:
        with self.asking("restore") as connection:
            names = connection.scalars(sa.text("SELECT name FROM pg_settings")).all()
        target = dumps.Target(
            environment=self._environment(),
            settings=frozenset(name.lower().encode() for name in names),
            make_extensions=self._make_extensions,
            log=self.folder.log,
            scratch=self.folder.path,
            seconds=self.places.seconds,
            jobs=self.places.jobs,
        )
        dumps.restore(dump, target)

    def _environment(self) -> Mapping[str, str]:
        """Return how programs connect as the role of the code under test."""
        return {
            **Program(arguments=[""]).environment,
            "PGHOST": str(self.folder.socket),
            "PGPORT": str(PORT),
            "PGUSER": OWNER,
            "PGPASSWORD": self.password(OWNER),
            "PGDATABASE": DATABASE,
        }

    def _make_extensions(self, extensions: list[Extension]) -> None:
        """Make extensions as a superuser: their code is of this machine, the dump only names it."""
        with self.asking("restore") as connection:
            catalogue.make_extensions(connection, extensions, owner=OWNER)

    @override
    def harden(self, connection: sa.Connection) -> None:
        # Code of indexes, which VACUUM runs as their owner, may run for ever.
        connection.exec_driver_sql(f"SET statement_timeout = {self.places.milliseconds}")

    @override
    def tidy(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("VACUUM (ANALYZE)")
        connection.exec_driver_sql("CHECKPOINT")

    @override
    def url(self, role: str, database: str, driver: str | None = None) -> sa.URL:
        query = {"host": str(self.folder.socket)}
        if role != OWNER:
            ours = {**OURS, **({} if role == SUPERUSER else {"search_path": "public"})}
            query["options"] = " ".join(f"-c {name}={value}" for name, value in ours.items())
        return sa.URL.create(
            f"postgresql+{driver or 'psycopg2'}",
            role,
            self.password(role),
            port=PORT,
            database=database,
            query=query,
        )

    @override
    def end_sessions(self) -> None:
        give_up = time.monotonic() + END_SECONDS
        with self.asking(SESSIONS) as connection:
            while connection.scalars(catalogue.END_SESSIONS, {"role": OWNER}).all():
                if time.monotonic() > give_up:
                    raise SetupError("a session does not end", step=SESSIONS)
                time.sleep(0.01)

    @override
    def schema(self) -> Mapping[str, tuple[str, ...]]:
        with self.asking("schema") as connection:
            return catalogue.schema(connection)

    @override
    def sizes(self) -> Mapping[str, tuple[int, int, int]]:
        with self.asking("sizes") as connection:
            return catalogue.sizes(connection)


def _program(name: str) -> str:
    return find_program(name, package="postgresql")
