"""What tests dump from PostgreSQL: a database with a bit of everything, and its own programs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import sqlalchemy as sa

from anonymizer.dumps.base import Rows
from tests.databases import fresh
from tests.servers.postgresql import program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anonymizer.column import TableName
    from anonymizer.dumps.base import Piece
    from tests.databases import Database, Servers

NASTY = (
    *("", " ", "\t", "\n", "\r\n", "\\", "\\.", "\\N", "\n\\.\n", "a\tb\\nc", "'", '"', "$$", "--"),
    *("COPY t FROM stdin;", "; DROP TABLE t; --", "/*", "é", "日本", "\U0001f600", "\x01"),
    "x" * 70_000,
)
ALPHABET = "\t\n\r\\.N'\"$;-/*b\x7fé\u2028"
RANDOM = Random(3)  # noqa: S311 - it only has to be the same each time
STRINGS = (*NASTY, *("".join(RANDOM.choices(ALPHABET, k=n % 9)) for n in range(1000)))
EVERYTHING = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")


def fill(database: Database) -> None:
    """Make everything that a dump may have in *database*, and the nasty strings in two tables."""
    with database.engine().begin() as connection:
        connection.exec_driver_sql(EVERYTHING)
        values = [{"value": each} for each in STRINGS]
        connection.execute(sa.text('INSERT INTO "Odd ""schema"."t.t" VALUES (:value)'), values)


def with_large_objects(servers: Servers, folder: Path) -> Iterator[Database]:
    """Yield a database with two large objects, one of them empty."""
    for database in fresh("postgresql", servers, folder):
        with database.engine().begin() as connection:
            connection.exec_driver_sql("SELECT lo_from_bytea(7, 'secret'), lo_create(8)")
        yield database


def run(name: str, *arguments: str | Path, given: bytes = b"") -> bytes:
    """Run a program of PostgreSQL with *given* as input to its good end; return what it prints."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def dump(database: Database, *options: str | Path, name: str = "pg_dump") -> bytes:
    """Return what pg_dump prints of *database*, with one and the same key."""
    printed = run(name, "--dbname", libpq_url(database), *options)
    return re.sub(rb"(?m)^(\\(?:un)?restrict) \w+$", rb"\1 key", printed)


def restore(database: Database, dumped: bytes) -> None:
    """Run the script *dumped* in *database*."""
    run("psql", "-qXv", "ON_ERROR_STOP=1", "--dbname", libpq_url(database), given=dumped)


def libpq_url(database: Database) -> str:
    """Return the URL of *database* without the name of SQLAlchemy's driver."""
    url = sa.make_url(database.url).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def as_it_is(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Mask nothing."""
    yield from (each.data if isinstance(each, Rows) else each for each in pieces)


def rows_of(pieces: Iterable[Piece]) -> dict[tuple[TableName, tuple[str, ...]], bytes]:
    """Return the rows of each table, and of each list of columns, one after the other."""
    found: dict[tuple[TableName, tuple[str, ...]], bytes] = {}
    for each in pieces:
        if isinstance(each, Rows):
            key = each.table, each.columns
            found[key] = found.get(key, b"") + each.data
    return found


def damaged(data: bytes, count: int) -> Iterator[bytes]:
    """Yield *count* times *data*, with a few bits or bytes changed, or cut, or a part twice."""
    random = Random(count)  # noqa: S311 - it only has to be the same each time
    for _ in range(count):
        at, size = random.randrange(len(data)), random.choice((1, 1, 2, 4, 30))
        match random.randrange(5):
            case 0:
                yield data[:at]
            case 1:
                yield data[:at] + random.randbytes(size) + data[at + size :]
            case 2:
                yield data[:at] + data[at + size :]
            case 3:
                yield data[: at + size] + data[at:]
            case _:
                yield data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
