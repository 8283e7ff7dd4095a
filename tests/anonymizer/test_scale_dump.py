"""A dump of pg_dump, scaled as it is read, is restored by psql, which checks every key."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlalchemy as sa

from anonymizer.dumps.copy import CopyText
from anonymizer.scale import First, Part, Scaler, Seen, Size
from cloud.generate import fill
from migrator.testing import walk_to
from tests.anonymizer.schemas import KEY, distinct, name_of
from tests.anonymizer.test_scale_databases import CLOUD_RULES, read, table_of
from tests.databases import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anonymizer.column import Table, TableName
    from tests.databases import Database, Servers

pytestmark = pytest.mark.thorough

ROWS = 400
COPY = re.compile(rb"(?m)^COPY public\.(\w+) \((.*)\) FROM stdin;\n((?:.*\n)*?)\\\.\n")
SETVAL = re.compile(rb"setval\('public\.(\w+)_(id)_seq', (\d+), true\)")
CODEC = CopyText()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """Tables, how many rows they have, and the dump of them."""

    tables: Mapping[TableName, Table]
    counts: Mapping[TableName, int]
    text: bytes

    def scaler(self, factor: float) -> Scaler:
        size = Size(factor=factor, rows=self.counts, rules=CLOUD_RULES)
        return Scaler.of(list(self.tables.values()), size, key=KEY, distinct=distinct)


@dataclass(slots=True, kw_only=True)
class Pass:
    """One reading of a dump."""

    dump: Dump
    scaler: Scaler
    seen: Seen = field(default_factory=Seen)

    def learnt(self) -> Seen:
        first = First(self.scaler)
        for name, columns, text in blocks(self.dump.text):
            if name in self.scaler.looks:
                part = self.part(name, columns, text, self.scaler.look_needs(name))
                first.add(self.scaler.look(name, part))
                first.close(name)
        return first.seen()

    def part(
        self, name: TableName, columns: Sequence[str], text: bytes, wanted: Sequence[str]
    ) -> Part:
        block = CODEC.parse(text, len(columns))
        table = self.dump.tables[name]
        return Part.read(block, CODEC, table=table, columns=columns, wanted=wanted)

    def copied(self, found: re.Match[bytes]) -> bytes:
        """Return a COPY with the rows of all copies."""
        name, columns = name_of(found[1].decode()), found[2].decode().split(", ")
        if name not in self.dump.tables:
            return found[0]
        part = self.part(name, columns, found[3], self.scaler.needs(name))
        rows = [
            self.written(name, columns, found[3], part, copy)
            for copy in self.scaler.copies_of(name)
        ]
        return found[0].replace(found[3], b"".join(rows)) if found[3] else found[0]

    def written(
        self, name: TableName, columns: Sequence[str], text: bytes, part: Part, copy: int
    ) -> bytes:
        kept = self.scaler.keep(name, copy, part, self.seen)
        lines = [line.split(b"\t") for line in text.split(b"\n")[:-1]]
        for column, cells in self.scaler.columns(name, copy, part, self.seen).items():
            for line, value, null in zip(lines, cells.to_list(), part.nulls[column], strict=True):
                line[columns.index(column)] = CODEC.null if null else value
        for column, empty in kept.emptied.items():
            for at in np.flatnonzero(empty):
                lines[at][columns.index(column)] = CODEC.null
        chosen = zip(lines, kept.rows, strict=True)
        return b"".join(b"\t".join(line) + b"\n" for line, stays in chosen if stays)

    def set(self, found: re.Match[bytes]) -> bytes:
        """Return a setval behind the last copy."""
        name, column = name_of(found[1].decode()), found[2].decode()
        last = self.scaler.sequence(name, column, int(found[3]), self.seen)
        return found[0].replace(found[3], b"%d" % last)


def blocks(text: bytes) -> Iterator[tuple[TableName, list[str], bytes]]:
    for found in COPY.finditer(text):
        yield name_of(found[1].decode()), found[2].decode().split(", "), found[3]


def scaled(dump: Dump, scaler: Scaler) -> bytes:
    seen = Pass(dump=dump, scaler=scaler).learnt()
    second = Pass(dump=dump, scaler=scaler, seen=seen)
    return SETVAL.sub(second.set, COPY.sub(second.copied, dump.text))


@pytest.fixture
def databases(servers: Servers, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    for one in fresh("postgresql", servers, tmp_path):
        for other in fresh("postgresql", servers, tmp_path):
            yield one, other


@pytest.fixture
def dump(databases: tuple[Database, Database]) -> Dump:
    engine = databases[0].engine()
    walk_to(engine, "mitaka")
    with engine.begin() as connection:
        fill(connection, ROWS)
    metadata, rows = read(engine)
    written = subprocess.run(["pg_dump", uri(databases[0])], check=True, capture_output=True)
    return Dump(
        tables={name_of(each.name): table_of(each) for each in metadata.tables.values()},
        counts={name_of(name): len(found) for name, found in rows.items()},
        text=written.stdout,
    )


def uri(database: Database) -> str:
    """Return the URL as programs of PostgreSQL take it."""
    return (
        sa.make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    )


def restore(database: Database, text: bytes) -> dict[str, int]:
    """Restore a dump, and return how many rows each table has."""
    command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", uri(database)]
    subprocess.run(command, input=text, check=True, capture_output=True)
    _, rows = read(database.engine())
    return {name: len(found) for name, found in rows.items()}


@pytest.mark.parametrize("factor", [0.3, 1.5, 3])
def test_scaled_dump_is_restored(
    databases: tuple[Database, Database], dump: Dump, factor: float
) -> None:
    found = restore(databases[1], scaled(dump, dump.scaler(factor)))
    for name, count in dump.counts.items():
        assert 0.75 * factor < found[name.name] / count < 1.25 * factor
    with databases[1].engine().begin() as connection:
        sql = "INSERT INTO instances (uuid, deleted, locked) VALUES ('new', 0, false)"
        connection.exec_driver_sql(sql)


def test_factor_one_gives_the_dump_again(dump: Dump) -> None:
    assert scaled(dump, dump.scaler(1)) == dump.text
