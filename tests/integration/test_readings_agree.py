"""The readings of a transition agree: what objects show, what SQL computes, what batches leave.

Rows are generated: NULL, 0 and '', the limits of each type, text of every kind. Each example
has many rows, because one example costs a run of the batches.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Session

from migrator import attach_converters, expression, rename, retype
from migrator.dialects import dialect_of
from migrator.online import migrate
from migrator.transitions import Row
from tests.converted import (
    EXPANDED,
    EXTRAS,
    FLAVORS,
    HOSTS,
    TRANSITIONS,
    address,
    expand,
    foobars,
    full_name,
    kilo,
    model,
    queue,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.transitions.columns import Columns

pytestmark = pytest.mark.thorough

FEW = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),  # to shrink an example would take as many runs of the batches
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Every database stores these; PostgreSQL has no NUL in text, and no database has half a pair.
TEXT = st.text(
    st.characters(exclude_characters="\x00", codec="utf-8"), max_size=12
) | st.sampled_from(["", " ", "a ", "a", "A", "é", "e\u0301", "😀", "ß", "%", "'", '"', "\\", "0"])

TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "integer": (sa.Integer(), st.integers(-(2**31), 2**31 - 1)),
    "bigint": (sa.BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    "numeric": (
        # SQLite keeps a numeric as a float: 15 digits are what comes back.
        sa.Numeric(12, 3),
        st.decimals(Decimal("-999999999.999"), Decimal("999999999.999"), places=3),
    ),
    "double": (
        sa.Double(),
        st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
    ),
    "date": (sa.Date(), st.dates(date(1000, 1, 1), date(9999, 12, 31))),
    "datetime": (
        sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"),
        st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001 - as stored
    ),
    "time": (sa.Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb"), st.times()),
    "interval": (
        # Where there is no such type, SQLAlchemy keeps a date without microseconds.
        sa.Interval(),
        st.integers(-(10**8), 10**9).map(lambda seconds: timedelta(seconds=seconds)),
    ),
    "enumeration": (sa.Enum("on", "off", "", name="switch"), st.sampled_from(["on", "off", ""])),
    "boolean": (sa.Boolean(), st.booleans()),
    "text": (sa.Text(), TEXT),
    "varchar": (sa.String(20), TEXT),
    "bytes": (sa.LargeBinary(), st.binary(max_size=12)),
    "uuid": (sa.Uuid(), st.uuids(version=4)),
}

EDGES: dict[str, list[Any]] = {
    "integer": [0, -(2**31), 2**31 - 1],
    "bigint": [0, -(2**63), 2**63 - 1],
    "numeric": [Decimal(0), Decimal("-0.001"), Decimal("999999999.999")],
    "double": [0.0, -0.0, 0.1, 1e308, -1e-300],
    "date": [date(1000, 1, 1), date(9999, 12, 31)],
    "datetime": [datetime(2024, 2, 29, 23, 59, 59, 999999)],  # noqa: DTZ001 - as stored
    "time": [time(0), time(23, 59, 59, 999999)],
    "interval": [timedelta(0), timedelta(seconds=-1)],
    "enumeration": ["on", "off"],
    "boolean": [False, True],
    "text": ["", " ", "a ", "😀", "e\u0301"],
    "varchar": ["", " ", "a ", "😀", "e\u0301"],
    "bytes": [b"", b"\x00", b"\xff'\\"],
    "uuid": [],
}

EVERY = sa.MetaData()
NUMBERS = count()


def table_of(name: str, type_: Any) -> sa.Table:
    """Return a table with three pairs of old and new columns of one type."""
    return sa.Table(
        f"every_{name}",
        EVERY,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(each, type_) for each in ("a_old", "a_new", "b_old", "b_new", "c_new")),
        sa.Column("c_old", type_, nullable=False),
        sa.Column("c_moved", sa.SmallInteger, nullable=False, server_default="0"),
    )


TABLES = {name: table_of(name, type_) for name, (type_, _values) in TYPES.items()}


def kinds(name: str) -> tuple[Columns, ...]:
    """Return the ways in which a value moves as it is: by SQL, by Python, with a marker."""
    table = f"every_{name}"
    by_python = expression(python=lambda row: row.b_old)
    types = dict.fromkeys(("b_old", "b_new"), TYPES[name][0])
    return (
        rename(table, "a_old", to="a_new"),
        retype(table, "b_old", to="b_new", up=by_python, types=types),
        rename(table, "c_old", to="c_new", marker="c_moved", filler="never used"),
    )


@pytest.mark.parametrize("name", TYPES)
@FEW
@given(data=st.data())
def test_values_of_every_type_agree(engine: sa.Engine, name: str, data: st.DataObject) -> None:
    values = st.one_of(st.none(), TYPES[name][1], *map(st.just, EDGES[name]))
    drawn = data.draw(st.lists(values, min_size=20, max_size=60))
    rows = [None, *EDGES[name], *drawn]
    there = [value for value in rows if value is not None]
    filled = [
        {
            "id": number - 5,
            "a_old": value,
            "b_old": value,
            "c_old": (
                value if value is not None else there[0] if there else data.draw(TYPES[name][1])
            ),
        }
        for number, value in enumerate(rows)
    ]
    refill(engine, TABLES[name], filled)
    flavor = model(
        f"every_{name}", a_new=TYPES[name][0], b_new=TYPES[name][0], c_new=TYPES[name][0]
    )
    attach_converters([flavor], *kinds(name))
    wanted = [(row["id"], row["a_old"], row["b_old"], row["c_old"]) for row in filled]

    assert same(objects(engine, flavor, "a_new", "b_new", "c_new"), wanted)
    assert same(found(engine, sa.select(flavor.id, flavor.a_new, flavor.c_new)), without(wanted, 2))
    for transition in kinds(name):
        run(engine, transition)
    assert same(objects(engine, flavor, "a_new", "b_new", "c_new"), wanted)
    table = TABLES[name]
    stored = sa.select(table.c.id, table.c.a_new, table.c.b_new, table.c.c_new)
    assert same(found(engine, stored), wanted)
    emptied = sa.select(sa.func.count(table.c.a_old) + sa.func.count(table.c.b_old))
    assert found(engine, emptied) == [(0,)]


def refill(engine: sa.Engine, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Let *table* have *rows* and nothing else."""
    table.create(engine, checkfirst=True)
    with engine.begin() as connection:
        connection.execute(sa.delete(table))
        connection.execute(sa.insert(table), list(rows))


def run(engine: sa.Engine, transition: Any) -> None:
    """Move every row that can be moved, under a name of its own: what failed is remembered."""
    (outcome,) = migrate(engine, [replace(transition, name=f"t{next(NUMBERS)}")])
    assert outcome.movable == 0


def found(engine: sa.Engine, query: Any) -> list[tuple[Any, ...]]:
    """Return the rows of *query*, ordered by the first column."""
    with Session(engine) as session:
        return [tuple(row) for row in session.execute(query.order_by(sa.literal_column("1")))]


def objects(engine: sa.Engine, flavor: Any, *names: str) -> list[tuple[Any, ...]]:
    """Return what the objects show, by their ids."""
    with Session(engine) as session:
        loaded = session.scalars(sa.select(flavor).order_by(flavor.id)).all()
        return [(each.id, *(getattr(each, name) for name in names)) for each in loaded]


def without(rows: Sequence[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    return [(*row[:place], *row[place + 1 :]) for row in rows]


def same(one: Any, other: Any) -> bool:
    """Compare exactly: 0 is not False, '' not None, and -0.0 is 0.0 as it is to databases."""
    assert [[(type(each), each) for each in row] for row in one] == [
        [(type(each), each) for each in row] for row in other
    ]
    return True


# Every kind.


def rows_of_flavors() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return rows in any format: old, new, both, none."""
    short = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=10)
    words = st.none() | short | st.sampled_from(["", " ", "a ", "É😀", "e\u0301"])
    numbers = st.none() | st.sampled_from([0, 1, -1]) | st.integers(-(2**31), 2**31 - 1)
    cidr = st.none() | st.builds(
        "10.0.{}.{}/{}".format, st.integers(0, 255), st.integers(0, 255), st.integers(0, 32)
    )
    row = st.fixed_dictionaries(
        {
            "memory_mb": numbers,
            "foobars": numbers,
            "topic": short,
            "queue": words,
            "queue_counts": st.sampled_from([0, 1]),
            "root_mb": numbers,
            "root_gb": st.none() | st.just(Decimal("0.125")),
            "cidr": cidr,
            "prefix": st.none() | st.integers(0, 32),
            "address": words,
            "given": words,
            "family": words,
            "full_name": words,
            "locked": st.none() | st.booleans(),
            "host_name": st.none() | st.sampled_from(["alpha", "beta", "no such host"]),
            "host_id": st.none() | st.sampled_from([1, 2]),
            "title": words,
            "slug": words,
            "spec": st.none() | st.sampled_from(["1x2", "0x0", "broken", ""]),
            "vcpus": numbers,
            "ram": numbers,
            "note": words,
        }
    )
    return st.lists(row, min_size=30, max_size=60)


BOTH = (foobars, queue, address, full_name)
"""Transitions that are declared in SQL and in Python."""

SHOWN = (
    "foobars",
    "queue",
    "root_gb",
    "address",
    "prefix",
    "full_name",
    "locked",
    "host_id",
    # Converted by Python only:
    "slug",
    "vcpus",
    "ram",
)
IN_SQL = SHOWN[:-3]


@FEW
@given(rows=rows_of_flavors())
def test_every_kind_agrees(engine: sa.Engine, rows: list[dict[str, Any]]) -> None:
    fill_flavors(engine, rows)
    cloud = kilo()
    before = objects(engine, cloud.Flavor, *SHOWN)
    in_sql = found(
        engine, sa.select(cloud.Flavor.id, *(getattr(cloud.Flavor, name) for name in IN_SQL))
    )
    remarks = found(engine, sa.select(cloud.Extra.flavor_id, cloud.Extra.remark))
    assert in_sql == [row[: len(IN_SQL) + 1] for row in before]

    for transition in TRANSITIONS:
        run(engine, transition)
    stored = sa.select(FLAVORS.c.id, *(FLAVORS.c[name] for name in SHOWN))
    assert found(engine, stored) == before
    assert objects(engine, cloud.Flavor, *SHOWN) == before
    assert found(engine, sa.select(EXTRAS.c.flavor_id, EXTRAS.c.remark)) == remarks


def fill_flavors(engine: sa.Engine, rows: Sequence[dict[str, Any]]) -> None:
    """Let the tables hold *rows*, each with a row of extras, and two hosts."""
    expand(engine)
    with engine.begin() as connection:
        for table in reversed(EXPANDED.sorted_tables):
            connection.execute(sa.delete(table))
        hosts = [{"id": 1, "name": "alpha"}, {"id": 2, "name": "beta"}]
        connection.execute(sa.insert(HOSTS), hosts)
        numbered = [{"id": number, **row} for number, row in enumerate(rows, start=1)]
        connection.execute(sa.insert(FLAVORS), numbered)
        extras = [{"flavor_id": row["id"], "remark": row["queue"]} for row in numbered]
        connection.execute(sa.insert(EXTRAS), extras)


@FEW
@given(rows=rows_of_flavors())
def test_python_and_sql_agree(engine: sa.Engine, rows: list[dict[str, Any]]) -> None:
    """Where a transition is declared in both, they make the same of a row."""
    fill_flavors(engine, rows)
    flavor = kilo().Flavor
    names = [name for transition in BOTH for name in transition.targets]
    in_sql = found(engine, sa.select(flavor.id, *(getattr(flavor, name) for name in names)))

    for (_key, *shown), row in zip(in_sql, rows, strict=True):
        made = dict(row)
        for transition in BOTH:
            made |= transition.convert(Row(row)) if transition.is_pending(Row(row)) else {}
        assert shown == [made[name] for name in names]


# What is compared when Python writes: exactly what was read.

CASELESS = {"sqlite": "NOCASE", "mariadb": "utf8mb4_general_ci"}


@pytest.mark.parametrize("other", ["A", "a ", "á", "", None])
def test_text_is_compared_byte_by_byte(engine: sa.Engine, other: str | None) -> None:
    text = sa.String(20, collation=CASELESS.get(engine.dialect.name))
    table = sa.Table("texts", sa.MetaData(), sa.Column("value", text))
    refill(engine, table, [{"value": "a"}])
    exact = dialect_of(engine.dialect).same

    for value, is_same in (("a", True), (other, False)):
        query = sa.select(exact(table.c.value, sa.literal(value, sa.String(20))))
        assert [bool(row[0]) for row in found(engine, query)] == [is_same]


ODD: dict[str, tuple[Any, Any, Any]] = {
    "a document": (sa.JSON(), '{"b":1,  "a": [ ]}', {"b": 1, "a": []}),
    "a float": (sa.Float(), 0.1, 0.1),
    "a flag": (sa.Boolean(), True, True),
    "an enumeration": (sa.Enum("on", "off", name="switch", native_enum=False), "on", "on"),
}


@pytest.mark.parametrize("what", ODD)
def test_values_of_odd_types_are_found_again(engine: sa.Engine, what: str) -> None:
    """Documents have many spellings, and a float is read as something near to it."""
    type_, written, read = ODD[what]
    columns = (sa.Column("old", type_), sa.Column("new", type_))
    table = sa.Table("odd", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), *columns)
    refill(engine, table, [{"id": 1, "old": read}])
    if isinstance(written, str) and written != read:
        spelt = sa.text("UPDATE odd SET old = CAST(:value AS JSON)")
        if engine.dialect.name != "postgresql":
            spelt = sa.text("UPDATE odd SET old = :value")
        with engine.begin() as connection:
            connection.execute(spelt, {"value": written})
    same_value = expression(python=lambda row: row.old if row.old == read else None)
    types = {"old": type_, "new": type_}
    moved = retype("odd", "old", to="new", up=same_value, types=types)
    run(engine, moved)

    query = sa.select(table.c.id, table.c.old, table.c.new)
    assert found(engine, query) == [(1, None, read)]
