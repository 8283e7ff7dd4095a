"""Whole dumps of every kind, with a canary in every value that is masked, to be damaged."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from anonymizer.dumps.compression import Method, writing
from tests.anonymizer import test_mysql_dump, test_pg_custom, test_pg_directory
from tests.anonymizer.fuzzing import Whole
from tests.anonymizer.test_sqlite_text import shell
from tests.databases import fresh
from tests.dumped import dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.databases import Database, Servers

KINDS = [
    *("COPY", "COPY.gz", "COPY.zst", "COPY.lz4"),
    *(f"PostgreSQL --{each}" for each in ("inserts", "column-inserts", "rows-per-insert=5")),
    *("archive", "archive.zlib", "archive.lz4", "archive.zst"),
    *("directory", "directory.gz", "directory.lz4", "directory.zst"),
    *("mariadb-dump", "mariadb-dump --hex-blob", "mariadb-dump a row each"),
    *("SQLite UTF-8", "SQLite UTF-16", "SQLite .dump"),
]


ROWS = 12
"""In each table."""
TABLES = """
CREATE TABLE people (id int PRIMARY KEY, mail varchar(60) UNIQUE, note text,
    extra {blob}, tags {tags});
CREATE TABLE orders (id int PRIMARY KEY, who {text}, at {time})
"""
TYPES = {
    "postgresql": {"blob": "bytea", "tags": "text[]", "text": "text", "time": "timestamp"},
    "mariadb": {"blob": "longblob", "tags": "text", "text": "varchar(60)", "time": "datetime"},
    "sqlite": {"blob": "blob", "tags": "text", "text": "text", "time": "text"},
}


def statements(name: str) -> Iterator[str]:
    """Yield what fills a database, with a canary in every value that is masked."""
    made = TABLES.format(**TYPES[name])
    yield from made.strip().split(";\n")
    tags = "ARRAY['caNary', 'b,\"']" if name == "postgresql" else "'caNary'"
    extra = {"postgresql": "'\\x63614e617279'"}.get(name, "x'63614e617279'")
    note = "'it''s caNary ; -- \"'" if name == "mariadb" else "'it''s \\ caNary\n\t; -- \"'"
    for at in range(ROWS):
        values = f"{at}, 'caNary{at}@example.org', {note if at % 5 else 'NULL'}, {extra}, {tags}"
        yield f"INSERT INTO people VALUES ({values})"  # noqa: S608
        yield f"INSERT INTO orders VALUES ({at}, 'caNary{at}', '2020-01-0{at % 9 + 1} 10:00:00')"  # noqa: S608


def fill(database: Database) -> None:
    with database.engine().begin() as connection:
        for each in statements(database.name):
            connection.exec_driver_sql(each.replace("%", "%%"))


def packed(data: bytes, method: Method) -> bytes:
    target = io.BytesIO()
    with writing(target, method) as writer:
        writer.write(data)
    return target.getvalue()


def of_postgresql(database: Database, folder: Path) -> Iterator[tuple[str, Whole]]:
    def whole(files: Mapping[str, bytes]) -> Whole:
        return Whole(files=files, schema="public.")

    yield "COPY", whole({"dump": dump(database)})
    for name in ("--inserts", "--column-inserts", "--rows-per-insert=5"):
        yield f"PostgreSQL {name}", whole({"dump": dump(database, name)})
    archive = dump(database, "-Fc", "-Z0")
    yield "archive", whole({"dump": archive})
    for method in (Method.ZLIB, Method.LZ4, Method.ZSTD):
        yield f"archive{method.value}", whole({"dump": test_pg_custom.packed(archive, method)})
    for method in (Method.NONE, Method.GZIP, Method.LZ4, Method.ZSTD):
        made = folder / f"directory{method.value}"
        dump(database, "-Fd", "-Z0", f"--file={made}")
        test_pg_directory.pack(made, method)
        yield (
            f"directory{method.value}",
            whole({each.name: each.read_bytes() for each in made.iterdir()}),
        )


def of_mariadb(database: Database) -> Iterator[tuple[str, Whole]]:
    ways = {
        "": (),
        " --hex-blob": ("--hex-blob", "--complete-insert"),
        " a row each": ("--skip-extended-insert", "--skip-comments"),
    }
    for name, options in ways.items():
        yield f"mariadb-dump{name}", Whole(files={"dump": test_mysql_dump.dump(database, *options)})


def of_sqlite(folder: Path) -> Iterator[tuple[str, Whole]]:
    for encoding in ("UTF-8", "UTF-16"):
        path = folder / f"{encoding}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"PRAGMA encoding = '{encoding}'; PRAGMA page_size = 1024;")
            connection.executescript(";\n".join(each.strip(";") for each in statements("sqlite")))
        yield f"SQLite {encoding}", Whole(files={"dump": path.read_bytes()})
    yield "SQLite .dump", Whole(files={"dump": shell(folder / "UTF-8.db", ".dump")})


def whole_dumps(servers: Servers, folder: Path) -> dict[str, Whole]:
    """Return a whole dump of each of KINDS."""
    found: dict[str, Whole] = dict(of_sqlite(folder))
    for database in fresh("postgresql", servers, folder):
        fill(database)
        found.update(of_postgresql(database, folder))
    for database in fresh("mariadb", servers, folder):
        fill(database)
        found.update(of_mariadb(database))
    for method in (Method.GZIP, Method.ZSTD, Method.LZ4):
        plain = found["COPY"]
        data = packed(plain.files["dump"], method)
        found[f"COPY{method.value}"] = Whole(files={"dump": data}, schema=plain.schema)
    return found
