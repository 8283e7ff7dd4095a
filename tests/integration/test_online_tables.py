"""Tables of every shape: keys of all types, names that need quotes, schemas, what hangs on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from migrator import convert, expression, rename
from migrator.database import open_engine
from migrator.errors import MigratorError
from migrator.history import ensure
from migrator.online import Options, migrate
from tests.guarded import quick
from tests.moving import IN_SQL, RENAMED, filled, named, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.online import Event, Outcome
    from migrator.transitions import Transition
    from tests.databases import Database

UNSIGNED = sa.BigInteger().with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb")
NUMBERS = range(12)
START = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)

KEYS: dict[str, tuple[Sequence[Any], Sequence[tuple[Any, ...]]]] = {
    "negative": ([sa.Integer], [(each - 6,) for each in NUMBERS]),
    "sparse": ([sa.BigInteger], [(each**17 - 2**60,) for each in NUMBERS]),
    "limits": ([sa.BigInteger], [(each,) for each in (-(2**63), -1, 0, 2**31 - 1, 2**63 - 1)]),
    "small": ([sa.SmallInteger], [(32_767 - each,) for each in NUMBERS]),
    "unsigned": ([UNSIGNED], [(2**63 - 1 - each,) for each in NUMBERS]),
    "text": ([sa.String(40)], [(each,) for each in ("", " x", "a", "B", "ö", "Z", "%", "'", "日")]),
    "uuid": ([sa.Uuid], [(uuid5(NAMESPACE_URL, str(each)),) for each in NUMBERS]),
    "numeric": ([sa.Numeric(12, 3)], [(Decimal(each) / 8,) for each in NUMBERS]),
    "moment": ([sa.DateTime], [(START + timedelta(seconds=each),) for each in NUMBERS]),
    "day": ([sa.Date], [(date(2026, 1, 1 + each),) for each in NUMBERS]),
    "bytes": ([sa.LargeBinary(8)], [(bytes([each, 255 - each]),) for each in NUMBERS]),
    "two": ([sa.Integer, sa.Integer], [(each // 3, -each) for each in NUMBERS]),
    "three": (
        [sa.String(8), sa.Integer, sa.Date],
        [("ab"[each % 2], each // 5, date(2026, 1, 1 + each)) for each in NUMBERS],
    ),
}


def key_type(kind: Any, engine: sa.Engine) -> Any:
    """Return *kind*, for MySQL as what can be a key."""
    if engine.dialect.name in ("mysql", "mariadb") and isinstance(kind, sa.LargeBinary):
        return mysql.VARBINARY(8)
    return kind


def made(database: Database, kinds: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> sa.Table:
    """Make a table whose key is of *kinds*, with a row for each of *keys* and a moved one."""
    engine = open_engine(quick(database.url))
    names = [f"k{each}" for each in range(len(kinds))]
    table = sa.Table(
        "flavors",
        sa.MetaData(),
        *(
            sa.Column(name, key_type(kind, engine), primary_key=True, autoincrement=False)
            for name, kind in zip(names, kinds, strict=True)
        ),
        sa.Column("memory_mb", sa.Integer),
        sa.Column("foobars", sa.Integer),
        info={"engine": engine},
    )
    with engine.begin() as connection:
        ensure(connection)
        table.create(connection)
        for number, key in enumerate(keys):
            connection.execute(
                table.insert().values(**dict(zip(names, key, strict=True)), memory_mb=number)
            )
    return table


def moved(table: sa.Table) -> list[tuple[Any, Any]]:
    with table.info["engine"].connect() as connection:
        query = sa.select(table.c.memory_mb, table.c.foobars).order_by(table.c.foobars)
        return [tuple(row) for row in connection.execute(query)]


IN_PYTHON: Transition = named(
    convert("flavors", "memory_mb", to={"foobars": expression(python=lambda row: row.memory_mb)})
)


@pytest.mark.parametrize("transition", [RENAMED, IN_PYTHON], ids=["in_sql", "in_python"])
@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_every_type(database: Database, kind: str, transition: Transition) -> None:
    types, keys = KEYS[kind]
    table = made(database, [sa.types.to_instance(each) for each in types], keys)

    for _ in range(2):  # once as far as a count goes, then from the checkpoint
        outcome = run(table.info["engine"], transition, max_count=5, batch_size=2)
    outcome = run(table.info["engine"], transition, batch_size=3)

    assert (outcome.movable, outcome.failed) == (0, 0)
    assert moved(table) == [(None, each) for each in range(len(keys))]


def send(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        ensure(connection)
        for statement in statements:
            connection.exec_driver_sql(statement)


def number(engine: sa.Engine, statement: str) -> None:
    """Send *statement* for each number."""
    with engine.begin() as connection:
        connection.execute(sa.text(statement), [{"n": each} for each in NUMBERS])


def one(engine: sa.Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar_one()


@pytest.mark.parametrize("in_python", [False, True])
def test_names_that_need_quotes(database: Database, *, in_python: bool) -> None:
    engine = open_engine(quick(database.url))
    order = sa.Table(
        "Order",
        sa.MetaData(),
        sa.Column("select", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Integer) for name in ("Größe %", "new: Größe")),
    )
    with engine.begin() as connection:
        ensure(connection)
        order.create(connection)
        for each in NUMBERS:
            connection.execute(order.insert().values({"select": each, "Größe %": each}))
    up = expression(python=lambda row: row["Größe %"])
    python = convert("Order", "Größe %", to={"new: Größe": up})
    sql = rename("Order", "Größe %", to="new: Größe")

    outcome = run(engine, named(python if in_python else sql), batch_size=5)

    assert (outcome.completed, outcome.movable) == (12, 0)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.sum(order.c["new: Größe"]))) == 66


def test_a_table_in_a_schema(database: Database) -> None:
    if database.name != "postgresql":
        pytest.skip("a schema is a database here")
    engine = open_engine(database.url)
    send(
        engine,
        'CREATE SCHEMA "Other"',
        'CREATE TABLE "Other".flavors (id INTEGER PRIMARY KEY, memory_mb INTEGER, foobars INTEGER)',
        'INSERT INTO "Other".flavors SELECT i, i FROM generate_series(1, 10) AS i',
    )

    outcome = run(engine, replace(RENAMED, schema="Other"), batch_size=3)

    assert (outcome.completed, outcome.movable) == (10, 0)


def test_a_partitioned_table(database: Database) -> None:
    if database.name == "sqlite":
        pytest.skip("it has none")
    engine = open_engine(quick(database.url))
    columns = "(id INTEGER PRIMARY KEY, memory_mb INTEGER, foobars INTEGER)"
    if database.name == "postgresql":
        send(
            engine,
            f"CREATE TABLE flavors {columns} PARTITION BY RANGE (id)",
            "CREATE TABLE low PARTITION OF flavors FOR VALUES FROM (MINVALUE) TO (5)",
            "CREATE TABLE high PARTITION OF flavors FOR VALUES FROM (5) TO (MAXVALUE)",
        )
    else:
        send(engine, f"CREATE TABLE flavors {columns} PARTITION BY HASH (id) PARTITIONS 3")
    number(engine, "INSERT INTO flavors VALUES (:n, :n, NULL)")

    assert run(engine, RENAMED, batch_size=3).completed == 12
    assert one(engine, "SELECT sum(foobars) FROM flavors") == 66


def test_a_table_with_a_generated_column_a_trigger_and_children(database: Database) -> None:
    engine = open_engine(quick(database.url))
    send(
        engine,
        "CREATE TABLE flavors (id INTEGER PRIMARY KEY, memory_mb INTEGER, foobars INTEGER, "
        "twice INTEGER GENERATED ALWAYS AS (foobars * 2) STORED)",
        "CREATE TABLE instances (id INTEGER PRIMARY KEY, flavor_id INTEGER NOT NULL, "
        "FOREIGN KEY (flavor_id) REFERENCES flavors (id) ON DELETE CASCADE ON UPDATE CASCADE)",
        "CREATE TABLE log (n INTEGER)",
    )
    number(engine, "INSERT INTO flavors (id, memory_mb) VALUES (:n, :n)")
    number(engine, "INSERT INTO instances VALUES (:n, :n)")
    body = "INSERT INTO log VALUES (NEW.foobars)"
    if database.name == "postgresql":
        send(
            engine,
            f"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body}; RETURN NEW; END $$",
            "CREATE TRIGGER note AFTER UPDATE ON flavors FOR EACH ROW EXECUTE FUNCTION note()",
        )
    else:
        each_row = f"BEGIN {body}; END" if database.name == "sqlite" else body
        send(engine, f"CREATE TRIGGER note AFTER UPDATE ON flavors FOR EACH ROW {each_row}")

    assert run(engine, RENAMED, batch_size=5).completed == 12
    assert one(engine, "SELECT sum(twice) FROM flavors") == 132
    assert one(engine, "SELECT count(*) FROM instances") == 12
    assert one(engine, "SELECT count(*) FROM log") == 12


def test_ten_transitions_of_one_table(database: Database) -> None:
    engine = open_engine(quick(database.url))
    pairs = ", ".join(f"a{each} INTEGER, b{each} INTEGER" for each in range(10))
    old = ", ".join(f"a{each}" for each in range(10))
    send(engine, f"CREATE TABLE flavors (id INTEGER PRIMARY KEY, {pairs})")
    number(engine, f"INSERT INTO flavors (id, {old}) VALUES (:n{', :n' * 10})")  # noqa: S608
    ten = [named(rename("flavors", f"a{i}", to=f"b{i}"), f"transition_{i}") for i in range(10)]

    outcomes = migrate(engine, ten, Options(batch_size=5))

    assert [each.completed for each in outcomes] == [12] * 10
    assert one(engine, "SELECT sum(b0 + b9) FROM flavors") == 132


# What is done to the table while rows move.


def while_it_moves(database: Database, statement: str) -> Outcome:
    """Run a transition, and send *statement* after its first batch."""
    engine = filled(database, 20)
    once = iter([statement])

    def see(_event: Event) -> None:
        if type(_event).__name__ == "Batch":
            for each in once:
                send(database.engine(), each)

    (outcome,) = migrate(engine, [IN_SQL], Options(batch_size=3, keep_going=True), on_event=see)
    return outcome


def test_a_table_that_is_emptied_while_it_moves(database: Database) -> None:
    statement = "DELETE FROM flavors" if database.name == "sqlite" else "TRUNCATE TABLE flavors"

    outcome = while_it_moves(database, statement)

    assert (outcome.movable, outcome.failed, outcome.error) == (0, 0, None)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DROP TABLE flavors", "there is no table 'flavors'"),
        ("ALTER TABLE flavors RENAME COLUMN hits TO hit", "has no column 'hits'"),
    ],
)
def test_a_table_that_goes_while_it_moves_is_said(
    database: Database, statement: str, message: str
) -> None:
    outcome = while_it_moves(database, statement)

    assert isinstance(outcome.error, MigratorError)
    assert message in str(outcome.error)


def test_rows_that_are_deleted_while_they_move_are_no_failures(database: Database) -> None:
    outcome = while_it_moves(database, "DELETE FROM flavors WHERE id > 5")

    assert (outcome.completed, outcome.movable, outcome.failed) == (5, 0, 0)
