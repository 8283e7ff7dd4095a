"""Where rivals are measured: a private PostgreSQL with the table of people, and dumps of it."""

from __future__ import annotations

import os
import resource
import secrets
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks import people
from benchmarks.masking import MB, ROW_BYTES
from benchmarks.measure import ROOT
from benchmarks.rivals_settings import PG_STAGE_COMMENTS
from tests.servers.postgresql import PostgreSQL, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST = 900
"""Seconds that one command may take."""


class SkippedError(Exception):
    """A tool cannot be had, or does not do what it should; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Taken:
    """What a way took; the processor's time is without that of the server."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where it is measured: a server with the table, and a folder with the same rows in a dump."""

    server: PostgreSQL
    database: str
    folder: Path
    tools: Path
    megabytes: float

    @property
    def host(self) -> str:
        """The folder of the server's socket."""
        return str(sa.make_url(self.server.url(self.database)).query["host"])

    @property
    def url(self) -> str:
        """The URL of the database as pg_dump takes it."""
        return self.server.url(self.database, "postgresql")

    def sql(self, statements: Sequence[str], database: str = "") -> None:
        """Run *statements* in the table's database, or another."""
        engine = sa.create_engine(
            self.server.url(database or self.database), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            for each in statements:
                connection.exec_driver_sql(each.replace("%", "%%"))
        engine.dispose()

    @contextmanager
    def copied(self) -> Iterator[str]:
        """Give the name of a copy of the database, for a tool that masks in place."""
        name = f"copy_{time.time_ns()}"
        self.sql([f"CREATE DATABASE {name} TEMPLATE {self.database}"], "postgres")
        yield name
        self.sql([f"DROP DATABASE {name} WITH (FORCE)"], "postgres")


def shell(bench: Bench, command: str, **environment: str) -> Taken:
    """Run a line of the shell; return what it took. Raises SkippedError when it fails."""
    path = os.pathsep.join([str(Path(program("pg_dump")).parent), os.environ["PATH"]])
    said = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **environment}
    started, used = time.perf_counter(), _cpu_seconds()
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        cwd=bench.folder,
        env=said,
        capture_output=True,
        check=False,
        timeout=LONGEST,
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise SkippedError(f"exit code {done.returncode}: {' '.join(last)[:200]}")
    return Taken(seconds=time.perf_counter() - started, cpu_seconds=_cpu_seconds() - used)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def made(tools: Path, megabytes: int) -> Iterator[Bench]:
    """Give a server with the table, and its dumps."""
    server = PostgreSQL.private()
    with tempfile.TemporaryDirectory() as place:
        folder, database = Path(place), server.create_database()
        folder.chmod(0o755)
        secret = folder / "secret"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        bench = Bench(
            server=server, database=database, folder=folder, tools=tools, megabytes=megabytes
        )
        try:
            people.write_copy(folder / "rows.sql", megabytes * MB // ROW_BYTES)
            shell(bench, f"psql -qX -v ON_ERROR_STOP=1 {quote(bench.url)} < rows.sql")
            bench.sql(["ALTER TABLE people ADD PRIMARY KEY (id)", *PG_STAGE_COMMENTS])
            shell(bench, f"pg_dump {quote(bench.url)} > staged.sql")
            bench.sql([each.partition(" IS ")[0] + " IS NULL" for each in PG_STAGE_COMMENTS])
            shell(bench, f"pg_dump {quote(bench.url)} > dump.sql")
            size = (folder / "dump.sql").stat().st_size / MB
            yield replace(bench, megabytes=size)
        finally:
            server.close()
