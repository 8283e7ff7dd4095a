"""The catalogue of each database tells what a statement has taken away or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrator.catalogue import present, snapshot
from migrator.database import open_engine
from migrator.dialects import dialect_of
from migrator.sql import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from tests.databases import Database

SCHEMA = (
    "CREATE TABLE flavors (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50), memory_mb INTEGER"
    " DEFAULT 5, CONSTRAINT positive CHECK (memory_mb >= 0), CONSTRAINT named UNIQUE (name))",
    "CREATE TABLE other (id INTEGER NOT NULL PRIMARY KEY)",
    "CREATE INDEX by_memory ON flavors (memory_mb)",
    "CREATE VIEW large AS SELECT id FROM flavors",
)
OF_POSTGRESQL = (
    "CREATE TYPE mood AS ENUM ('sad', 'happy')",
    "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE SEQUENCE numbers",
    "GRANT SELECT ON flavors TO public",
)
Case = tuple[str, list[str] | None]
"""A statement and what it takes away; None for something."""

OF_ALL: tuple[Case, ...] = (
    ("ALTER TABLE flavors ADD COLUMN x INTEGER", []),
    ("CREATE TABLE more (id INTEGER)", []),
)
LOSSES: dict[str, tuple[Case, ...]] = {
    "sqlite": (
        ("DROP INDEX by_memory", ["index flavors.by_memory is gone"]),
        ("DROP VIEW large", ["view large is gone"]),
        ("CREATE TRIGGER x AFTER INSERT ON other BEGIN SELECT 1; END", []),
    ),
    "postgresql": (
        ("DROP INDEX by_memory", ["index public.flavors.by_memory is gone"]),
        (
            "ALTER TABLE flavors ALTER memory_mb TYPE bigint",
            ["column public.flavors.memory_mb is changed"],
        ),
        (
            "ALTER TABLE flavors ALTER memory_mb SET NOT NULL",
            ["column public.flavors.memory_mb is changed"],
        ),
        (
            "ALTER TABLE flavors ALTER memory_mb DROP DEFAULT",
            ["column public.flavors.memory_mb is changed"],
        ),
        (
            "ALTER TABLE flavors DROP CONSTRAINT positive",
            ["constraint public.flavors.positive is gone"],
        ),
        ("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", ["value public.mood.sad is gone"]),
        ("ALTER TYPE mood ADD VALUE 'bored'", []),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
            ["function public.f() is changed"],
        ),
        ("ALTER SEQUENCE numbers INCREMENT BY 5", ["sequence public.numbers is changed"]),
        (
            "REVOKE SELECT ON flavors FROM public",
            ["privilege public.flavors.SELECT of public is gone"],
        ),
        ("GRANT INSERT ON flavors TO public", []),
        ("ALTER TABLE flavors ENABLE ROW LEVEL SECURITY", ["table public.flavors is changed"]),
        ("ALTER TABLE flavors SET UNLOGGED", None),
        (
            "CREATE OR REPLACE VIEW large AS SELECT id FROM flavors WHERE id > 5",
            ["view public.large is changed"],
        ),
        ("DROP VIEW large", ["view public.large is gone", "column public.large.id is gone"]),
    ),
    "mariadb": (
        ("DROP INDEX by_memory ON flavors", ["index flavors.by_memory is gone"]),
        ("ALTER TABLE flavors MODIFY memory_mb BIGINT DEFAULT 5", None),
        ("ALTER TABLE flavors ALTER memory_mb DROP DEFAULT", None),
        ("ALTER TABLE flavors DROP CONSTRAINT positive", ["constraint flavors.positive is gone"]),
        ("ALTER TABLE flavors CONVERT TO CHARACTER SET ascii", None),
        ("DROP VIEW large", ["view large is gone", "column large.id is gone"]),
        ("CREATE TRIGGER x BEFORE INSERT ON other FOR EACH ROW SET @x = 1", []),
    ),
}
CASES = [
    pytest.param(name, statement, lost, id=f"{name}-{statement[:60]}")
    for name in LOSSES
    for statement, lost in (*LOSSES[name], *OF_ALL)
]


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    engine = open_engine(database.url)
    with engine.begin() as connection:
        for statement in (*SCHEMA, *(OF_POSTGRESQL if database.name == "postgresql" else ())):
            connection.exec_driver_sql(statement)
    with engine.connect() as connection:
        yield connection


@pytest.mark.parametrize(("database", "statement", "lost"), CASES, indirect=["database"])
def test_what_is_lost_is_named(
    connection: sa.Connection, statement: str, lost: list[str] | None
) -> None:
    dialect = dialect_of(connection.dialect)
    before = snapshot(connection, dialect)
    connection.exec_driver_sql(statement)
    found = before.lost_in(snapshot(connection, dialect))
    assert found if lost is None else sorted(found) == sorted(lost)


def test_only_the_tables_asked_for_are_read(connection: sa.Connection) -> None:
    dialect = dialect_of(connection.dialect)
    found = snapshot(connection, dialect, ["flavors"]).definitions
    assert {key.table or key.name for key in found} == {"flavors"}
    assert {key.thing for key in found} >= {"table", "column", "index"}


def test_an_effect_is_present_once_it_happened(connection: sa.Connection) -> None:
    dialect = dialect_of(connection.dialect)
    statement = read("ALTER TABLE flavors ADD COLUMN Foobars INTEGER", dialect)
    (effect,) = statement.effects
    assert present(effect, snapshot(connection, dialect, ["flavors"])) is False
    connection.exec_driver_sql(statement.text)
    assert present(effect, snapshot(connection, dialect, ["flavors"])) is True


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_column_that_a_view_misses_does_not_hide_the_rest(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE VIEW broken AS SELECT frob FROM flavors")
    assert snapshot(connection, dialect_of(connection.dialect)).definitions
