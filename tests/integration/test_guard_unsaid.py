"""What a contract takes away without a word: refused, or taken back when nobody could read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guarded import (
    DROP,
    MOVED,
    RENAMED,
    blocked_by,
    columns,
    contract,
    contract_of,
    expanded,
    row_of_history,
    send,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from tests.databases import Database


def test_a_drop_of_which_the_contract_says_nothing_blocks(database: Database) -> None:
    engine = expanded(database, MOVED)
    work = (DROP, "ALTER TABLE flavors DROP COLUMN deleted")
    (blocker,) = blocked_by(engine, RENAMED, work=work)
    assert "the contract drops flavors.deleted, and" in blocker.reason

    said = contract_of(abandons={"flavors.deleted": "nobody reads it"})
    contract(engine, RENAMED, work=work, migration=said)
    row = row_of_history(engine)
    assert row is not None
    assert row["note"] == "abandoned flavors.deleted: nobody reads it"


NARROWER = {
    "sqlite": "CREATE UNIQUE INDEX one_each ON flavors (deleted)",
    "postgresql": "ALTER TABLE flavors ALTER COLUMN deleted TYPE SMALLINT",
    "mariadb": "ALTER TABLE flavors MODIFY deleted SMALLINT NOT NULL",
}


@pytest.mark.parametrize("rows", ["DELETE FROM flavors", "UPDATE flavors SET memory_mb = NULL"])
def test_what_is_narrowed_or_written_without_a_word_blocks(database: Database, rows: str) -> None:
    engine = expanded(database, MOVED)
    for statement in (NARROWER[database.name], rows):
        (blocker,) = blocked_by(engine, RENAMED, work=(statement, DROP))
        assert "does not say what becomes of the data" in blocker.reason
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM flavors").scalar() == 1


def test_what_a_statement_takes_unread_is_taken_back(database: Database) -> None:
    if database.name != "postgresql":
        pytest.skip("only here does CASCADE take columns, and a transaction hold DDL of a server")
    engine = expanded(database, MOVED)
    send(
        engine,
        "CREATE TYPE size AS ENUM ('small')",
        "CREATE SCHEMA audit",
        "CREATE TABLE audit.flavors (id INTEGER, memory_mb INTEGER, size size)",
    )
    said = contract_of(abandons={"size": "nobody asks for it"})
    for statement in (
        "DO $$ BEGIN ALTER TABLE audit.flavors DROP COLUMN memory_mb; END $$",
        "DO $$ BEGIN ALTER TABLE flavors ALTER deleted TYPE SMALLINT; END $$",
        "DROP TABLE audit.flavors CASCADE",
        "ALTER TABLE audit.flavors DROP COLUMN memory_mb",
        "DROP TYPE size CASCADE",
    ):
        (blocker,) = blocked_by(engine, RENAMED, work=(DROP, statement), migration=said)
        assert "does not say what becomes of the data" in blocker.reason
    assert columns(engine, "flavors") >= {"memory_mb"}


def test_what_python_takes_without_a_word_is_taken_back(database: Database) -> None:
    if database.name == "mariadb":
        pytest.skip("a contract that is not rendered is refused here")
    engine = expanded(database, MOVED)

    def drop_more(connection: sa.Connection) -> None:
        for name in ("memory_mb", "deleted"):
            connection.exec_driver_sql(f"ALTER TABLE flavors DROP COLUMN {name}")

    (blocker,) = blocked_by(engine, RENAMED, work=drop_more)
    assert "flavors.deleted, and does not say" in blocker.reason
    contract(
        engine, RENAMED, work=drop_more, migration=contract_of(abandons={"flavors.deleted": "x"})
    )
    assert columns(engine) == {"id", "foobars"}
