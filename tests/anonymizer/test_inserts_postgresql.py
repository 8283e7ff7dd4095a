"""What pg_dump --inserts writes is read by the codec of INSERT, and loads when written anew."""

from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from anonymizer.column import Kind, TableName
from anonymizer.dumps import split
from anonymizer.dumps.base import Rows
from anonymizer.dumps.create import created
from anonymizer.dumps.dialect import POSTGRESQL, parts
from anonymizer.dumps.inserts import Inserts
from anonymizer.dumps.window import Window
from tests.anonymizer.dumping import anew, read
from tests.databases import Database, Servers, fresh
from tests.servers.postgresql import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREATE = """
CREATE TABLE "every.ty""pe" (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "it's (" text DEFAULT 'x, (', blob bytea, price numeric(10,2),
    real double precision, yes boolean, bits bit varying(8), list text[], json jsonb,
    at timestamptz, id2 uuid,
    made integer GENERATED ALWAYS AS (length("it's (")) STORED, CONSTRAINT c CHECK (price <> 5)
);
INSERT INTO "every.ty""pe" ("it's (", blob, price, real, yes, bits, list, json, at, id2) VALUES
    (E'it''s \\\\ "q" \\n\\r\\t\\b é 😀''), (1,', '\\x00ff275c', 12.50, 'NaN', true, B'0101',
     ARRAY['a,b', NULL, E'c\\\\"d'], '{"a": "it''s \\\\n"}', '2020-01-01 12:00:00+00',
     '71470676-ea41-11f1-9877-02fc00000001'),
    (NULL, '', -1, 1e300, false, NULL, '{}', '[]', NULL, NULL),
    (E';\\nINSERT INTO public."every.ty""pe" VALUES (', NULL, NULL, '-Infinity', NULL, B'',
     NULL, NULL, NULL, NULL);
"""
NAME = TableName("public", 'every.ty"pe')
OPTIONS = {
    "inserts": ("--inserts",),
    "column-inserts": ("--column-inserts",),
    "rows-per-insert": ("--rows-per-insert=2",),
    "on-conflict": ("--inserts", "--on-conflict-do-nothing", "--rows-per-insert=2"),
}


def kinds(column: str) -> Kind:
    known = {"id": Kind.INTEGER, "blob": Kind.BINARY, "price": Kind.NUMBER, "yes": Kind.BOOLEAN}
    return known.get(column, Kind.NUMBER if column == "real" else Kind.TEXT)


@pytest.fixture
def database(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    for database in fresh("postgresql", servers, tmp_path):
        with database.engine().begin() as connection:
            connection.exec_driver_sql(CREATE.replace("%", "%%"))
        yield database


def dump(database: Database, *options: str) -> bytes:
    url = sa.make_url(database.url).set(drivername="postgresql")
    command = [program("pg_dump"), f"--dbname={url.render_as_string(hide_password=False)}"]
    return subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE).stdout


def rows_of(script: bytes) -> Iterator[Rows]:
    """Yield the rows that *script* inserts."""
    create = created(script[script.index(b"CREATE TABLE") :], POSTGRESQL)
    assert create
    found = POSTGRESQL.header.search(script)
    while found:
        begin = found.start()
        window = Window(io.BytesIO(script[begin:]))
        codec = Inserts(dialect=POSTGRESQL, header=found[0])
        names = parts(found["columns"], POSTGRESQL) if found["columns"] else create.written
        columns = tuple(each.decode() for each in names)
        table = TableName(*(each.decode() for each in parts(found["table"], POSTGRESQL)))
        for data in split.rows(window, found[0], backslash=False, table=str(table)):
            yield Rows(table=table, columns=columns, data=data, codec=codec, line=1, byte=begin)
        found = POSTGRESQL.header.search(script, begin + window.byte)


def select(database: Database) -> list[tuple[bytes | None, ...]]:
    """Return all values as the server writes them in text, bytea as it is."""
    with database.engine().connect() as connection:
        texts = """SELECT id::text, "it's (", blob, price::text, "real"::text, yes::text,
            bits::text, list::text, json::text, at::text, id2::text
            FROM "every.ty""pe" ORDER BY id"""
        found = connection.exec_driver_sql(texts).all()
    return [tuple(_bytes(each) for each in row) for row in found]


def _bytes(value: str | memoryview | None) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else bytes(value)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_value_is_read_and_what_is_written_anew_loads(
    database: Database, options: tuple[str, ...]
) -> None:
    script = dump(database, *options)
    before = select(database)

    pieces = list(rows_of(script))

    assert {rows.table for rows in pieces} == {NAME}
    found = [row for rows in pieces for row in read(rows, kinds)]
    assert [row[: len(before[0])] for row in found] == before
    # The server makes the last one: DEFAULT stands for it, where columns are not named.
    assert {row[len(before[0]) :] for row in found} <= {(), (None,)}

    with database.engine().begin() as connection:
        connection.exec_driver_sql('TRUNCATE "every.ty""pe"')
        for rows in pieces:
            connection.exec_driver_sql(anew(rows, kinds).decode().replace("%", "%%"))
    assert select(database) == before
