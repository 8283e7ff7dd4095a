"""What is accepted in an expand only adds: shown on real databases, by what was there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrator.catalogue import snapshot
from migrator.dialects import dialect_of
from migrator.sql import Kind, read
from tests.statements import ACCEPTED, OLD_CODE, PREPARED, ROWS, SCHEMA

if TYPE_CHECKING:
    import sqlalchemy as sa

    from tests.databases import Database

CASES = [
    pytest.param(name, statement, id=f"{name}-{statement[:70]}")
    for name, statements in ACCEPTED.items()
    for statement in statements
]
QUERIES = {
    "flavors": "SELECT id, name, memory_mb, note, deleted FROM flavors ORDER BY id",
    "instances": "SELECT id, host, flavor_id FROM instances ORDER BY id",
    "large": "SELECT id, name FROM large ORDER BY id",
}


def send(connection: sa.Connection, *statements: str) -> None:
    for statement in statements:
        connection.execution_options(no_parameters=True).exec_driver_sql(statement)


def rows_of(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: [tuple(row) for row in connection.exec_driver_sql(query)]
        for name, query in QUERIES.items()
    }


@pytest.mark.parametrize(("database", "statement"), CASES, indirect=["database"])
def test_what_is_accepted_takes_nothing_away(database: Database, statement: str) -> None:
    engine = database.engine()
    dialect = dialect_of(engine.dialect)
    assert read(statement, dialect).kind in (Kind.ADDITIVE, Kind.HARMLESS)
    with engine.begin() as connection:
        send(connection, *SCHEMA, *PREPARED.get(database.name, ()), *ROWS)
    with engine.begin() as connection:
        before, rows = snapshot(connection, dialect), rows_of(connection)
        send(connection, statement)
        after = snapshot(connection, dialect)
        assert before.lost_in(after) == ()
        assert rows_of(connection) == rows
        if any(effect.verb == "add" for effect in read(statement, dialect).effects):
            assert before.gained_in(after)
    with engine.begin() as connection:
        send(connection, *OLD_CODE)
