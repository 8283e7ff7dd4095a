"""Rows in their statements, chosen and copied: whatever stands in them."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.dumps.base import Rows
from anonymizer.dumps.mysql import MySQL
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.dumps.sqlite_text import SQLiteText
from anonymizer.errors import DumpError, PolicyError
from anonymizer.scale.rows import Rescaler, known, look
from anonymizer.scale.scaler import First
from anonymizer.scale.sequences import Sequences
from anonymizer.scale.wanted import Wanted
from anonymizer.structure import Survey
from anonymizer.structure.mysql import MySQL as MySQLGatherer
from anonymizer.structure.postgresql import PostgreSQL as PostgreSQLGatherer
from anonymizer.structure.sqlite import SQLite as SQLiteGatherer
from tests.anonymizer.dumping import FEW, tables
from tests.anonymizer.schemas import KEY
from tests.anonymizer.test_inserts_split import HEAD, TAIL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anonymizer.dumps.base import Format
    from anonymizer.structure import Structure

    Writer = Callable[[Sequence[Sequence[str]]], bytes]

MYSQL_TABLE = b"CREATE TABLE `t` (\n  `id` int NOT NULL,\n  `a` text,\n  PRIMARY KEY (`id`)\n);\n"
INSERT = "INSERT INTO `t` VALUES "
PG_HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
PG_TABLE = b"CREATE TABLE public.t (\n    id integer NOT NULL,\n    a text\n);\n"
PG_TAIL = (
    b"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k PRIMARY KEY (id);\n"
    b"--\n-- PostgreSQL database dump complete\n--\n"
)


def quoted(text: str, *, backslash: bool = False) -> str:
    doubled = text.replace("\\", "\\\\") if backslash else text
    return "'" + doubled.replace("'", "''") + "'"


def mysql(statements: Sequence[Sequence[str]]) -> bytes:
    text, number = "", 0
    for rows in statements:
        values = []
        for row in rows:
            number += 1
            values.append(f"({number},{quoted(row, backslash=True)})")
        text += INSERT + ",".join(values) + ";\n"
    return HEAD + MYSQL_TABLE + text.encode() + TAIL


def postgresql(statements: Sequence[Sequence[str]]) -> bytes:
    text, number = "", 0
    for rows in statements:
        values = []
        for row in rows:
            number += 1
            values.append(f"\t({number}, {quoted(row.replace(chr(92), ''))})")
        lines = ",\n".join(values)
        text += f"INSERT INTO public.t VALUES\n{lines}\n\tON CONFLICT DO NOTHING;\n"
    return PG_HEAD + PG_TABLE + text.encode() + PG_TAIL


def sqlite(statements: Sequence[Sequence[str]]) -> bytes:
    rows = [row.replace("\n", "") for part in statements for row in part]
    text = "".join(f"INSERT INTO t VALUES({at},{quoted(row)});\n" for at, row in enumerate(rows, 1))
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);\n"
    return f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{table}{text}COMMIT;\n".encode()


KINDS: dict[str, tuple[Format, type, Writer]] = {
    "mysql": (MySQL(), MySQLGatherer, mysql),
    "postgresql": (PlainPostgreSQL(), PostgreSQLGatherer, postgresql),
    "sqlite": (SQLiteText(), SQLiteGatherer, sqlite),
}
ROW = st.text(st.sampled_from("ab'),;(\n\\\" é"), max_size=6)
STATEMENTS = st.lists(st.lists(ROW, min_size=1, max_size=9), min_size=1, max_size=6)


def scaled(name: str, dump: bytes, factor: float) -> bytes:
    """Return what `anonymizer scale` makes of *dump*."""
    format_, gathering, _ = KINDS[name]
    gatherer = gathering()
    pieces = list(format_.pieces(io.BytesIO(dump)))
    for each in pieces:
        if isinstance(each, bytes):
            gatherer.see(each)
    structure: Structure = gatherer.structure()
    count = sum(
        len(each.codec.parse(each.data, 2).starts) for each in pieces if isinstance(each, Rows)
    )
    survey = Survey(structure=structure, rows={structure.tables[0].name: count})
    scaler = Wanted(factor=factor, small=0).scaler(survey, KEY)
    first = First(scaler)
    for each in pieces:
        found = None if isinstance(each, bytes) else look(structure, scaler, each)
        if found:
            first.add(found[1])
    seen = first.seen()
    rescaler = Rescaler(structure=structure, scaler=scaler, seen=seen)
    sequences = Sequences(structure=structure, scaler=scaler, seen=seen)
    texts = (sequences(each) if isinstance(each, bytes) else rescaler(each) for each in pieces)
    return b"".join(map(bytes, texts))


@pytest.mark.parametrize("name", KINDS)
@given(statements=STATEMENTS, factor=st.sampled_from([0.3, 0.7, 1.5, 2, 3]))
@FEW
def test_statements_hold_the_rows_of_all_copies(
    name: str, statements: list[list[str]], factor: float
) -> None:
    format_, _, write = KINDS[name]
    dump = write(statements)
    (table, before), *_ = tables(format_, dump).items()
    found = tables(format_, scaled(name, dump, factor)).get(table)
    rows = found.rows if found else []
    keys = [int(row[0] or b"") for row in rows]
    assert len(set(keys)) == len(keys)
    texts = Counter(row[1] for row in before.rows)
    times = Counter(row[1] for row in rows)
    for text, count in texts.items():
        assert int(factor) * count <= times[text] <= -(-factor // 1) * count
    assert set(times) <= set(texts)


SETVAL = b"SELECT pg_catalog.setval('public.\"T''s\"', 2, true);\n"
OWNED = b"""ALTER SEQUENCE public."T's" OWNED BY public.t.id;\n"""


def test_sequences_go_on_behind_the_last_copy():
    dump = postgresql([["a", "b"]]).replace(PG_TABLE, PG_TABLE + OWNED + SETVAL)
    assert b"2, true" in scaled("postgresql", dump, 1)
    assert b"""setval('public."T''s"', 6, true)""" in scaled("postgresql", dump, 3)
    unused = dump.replace(b"2, true", b"1, false")
    assert b", 6, true)" in scaled("postgresql", unused, 3)
    assert b", 1, false)" in scaled("postgresql", unused, 0.9)
    assert SETVAL in scaled("postgresql", dump.replace(OWNED, b""), 3)


def test_auto_increment_goes_on_behind_the_last_copy():
    counting = MYSQL_TABLE.replace(b"NOT NULL", b"NOT NULL AUTO_INCREMENT")
    counting = counting.replace(
        b"\n);", b"\n) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8;"
    )
    other = counting.replace(b"`t`", b"`other`").replace(b" AUTO_INCREMENT=3", b"")
    dump = mysql([["a", "b"]]).replace(MYSQL_TABLE, other + counting)
    assert b"AUTO_INCREMENT=7 " in scaled("mysql", dump, 3)
    assert scaled("mysql", dump, 1) == dump


def test_autoincrement_goes_on_behind_the_last_copy():
    dump = sqlite([["a", "b"]]).replace(b"PRIMARY KEY,", b"PRIMARY KEY AUTOINCREMENT,")
    last = b"INSERT INTO sqlite_sequence VALUES('t',2);\n"
    dump = dump.replace(b"COMMIT;", last + b"COMMIT;")
    assert b"VALUES('t',6)" in scaled("sqlite", dump, 3)
    assert scaled("sqlite", dump, 1) == dump


def test_rows_that_nothing_describes_are_refused():
    dump = postgresql([["a"]]).replace(PG_TABLE, b"").replace(b"public.t V", b"public.t (id, a) V")
    pieces = [each for each in PlainPostgreSQL().pieces(io.BytesIO(dump)) if isinstance(each, Rows)]
    with pytest.raises(PolicyError, match=r"table public\.t has rows, and nothing says its keys"):
        known(PostgreSQLGatherer().structure(), pieces[0])


def test_dumps_of_several_databases_are_refused():
    gatherer = PostgreSQLGatherer()
    gatherer.see(PG_TABLE)
    with pytest.raises(DumpError, match="made twice"):
        gatherer.see(PG_TABLE)
