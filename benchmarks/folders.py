"""Masking the directory format of pg_dump, file by file: how much a second core helps."""

from __future__ import annotations

import os
import subprocess
from typing import IO, TYPE_CHECKING

import sqlalchemy as sa

from benchmarks import people
from tests.servers import open_server
from tests.servers.postgresql import program

if TYPE_CHECKING:
    from pathlib import Path

PARTS = 4
HEAD = 1 << 16
"""Bytes of a script in which its rows begin."""
PARTITIONED = """
CREATE TABLE people (id integer NOT NULL, email varchar(120) NOT NULL, name varchar(80),
    phone varchar(30), born date, note text, country character(2), score numeric(12,2),
    address text, token varchar(40)) PARTITION BY HASH (id);
"""
PARTITION = (
    "CREATE TABLE people_{0} PARTITION OF people FOR VALUES WITH (MODULUS {1}, REMAINDER {0});\n"
)


def write(folder: Path, count: int) -> tuple[Path, Path]:
    """Write *count* people in PARTS partitions as pg_dump -Fd does: as they are, and gzipped."""
    rows = folder / "rows.sql"
    people.write_copy(rows, count)
    server = open_server("postgresql")
    try:
        url = sa.make_url(server.url(server.create_database())).set(drivername="postgresql")
        database = url.render_as_string(hide_password=False)
        made = PARTITIONED + "".join(PARTITION.format(part, PARTS) for part in range(PARTS))
        _run("psql", "-qXd", database, "-c", made)
        with rows.open("rb") as script:
            # What makes the table is there already; the rest of the script is one COPY.
            script.seek(script.read(HEAD).index(b"COPY "))
            os.lseek(script.fileno(), script.tell(), os.SEEK_SET)
            _run("psql", "-qXd", database, stdin=script)
        plain, packed = folder / "plain.dir", folder / "packed.dir"
        _run("pg_dump", "-Fd", "-Z0", "-f", str(plain), "-d", database)
        _run("pg_dump", "-Fd", "-f", str(packed), "-d", database)
    finally:
        server.close()
        rows.unlink()
    return plain, packed


def size(folder: Path) -> int:
    """Return the bytes of all files in *folder*."""
    return sum(each.stat().st_size for each in folder.iterdir())


def _run(name: str, *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> None:
    subprocess.run([program(name), *arguments], stdin=stdin, check=True)
