"""Late writers: what comes after the first look is found, or refused by a fence."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry

from migrator import python
from migrator.errors import GuardError
from migrator.guard import locked
from migrator.guard.fence import is_plain, lift_fences
from migrator.guard.step import Step
from migrator.services import register
from tests.guarded import (
    DROP,
    FILLED,
    FLAVORS,
    MOVED,
    NEW_RELEASE,
    OLD_RELEASE,
    RENAMED,
    blocked_by,
    columns,
    contract,
    contract_of,
    expanded,
    raise_fence,
    row_of_history,
    send,
)

if TYPE_CHECKING:
    from migrator.guard import Blocker
    from tests.databases import Database


def test_a_process_that_comes_after_the_first_look_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = expanded(database, MOVED)
    models = registry(metadata=FLAVORS.metadata)
    look, entered = Step.look, []

    def look_and_register(step: Step) -> tuple[Blocker, ...]:
        found = look(step)
        entered.append(register(database.engine(), name="api", models=models, lease_seconds=3600))
        return found

    monkeypatch.setattr(Step, "look", look_and_register)
    (blocker,) = blocked_by(engine, RENAMED)
    entered[0].close()
    assert "service api on " in blocker.reason


@pytest.mark.parametrize("writer", [OLD_RELEASE, NEW_RELEASE])
def test_a_fence_refuses_the_old_release_and_no_other(
    database: Database, writer: sa.TableClause
) -> None:
    engine = expanded(database, MOVED)
    if not raise_fence(engine, RENAMED):
        pytest.skip("SQLite has one writer, which needs no fence")
    column = writer.c.keys()[1]
    writes = (
        writer.insert().values({"id": 9, column: 0}),
        writer.update().values({column: 0}).where(writer.c.id == 1),
    )
    for write in writes:
        refused = pytest.raises(sa.exc.DBAPIError) if writer is OLD_RELEASE else nullcontext()
        with refused, engine.begin() as connection:
            connection.execute(write)


def write_after_the_look(monkeypatch: pytest.MonkeyPatch, engine: sa.Engine) -> None:
    """Let an old writer write right after the guard's first look."""
    look = Step.look

    def look_and_write(step: Step) -> tuple[Blocker, ...]:
        found = look(step)
        monkeypatch.setattr(Step, "look", look)
        with engine.begin() as connection:
            connection.execute(OLD_RELEASE.insert(), {"id": 9, "memory_mb": 0})
        return found

    monkeypatch.setattr(Step, "look", look_and_write)


def test_a_row_written_after_the_first_look_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = expanded(database, MOVED)
    write_after_the_look(monkeypatch, engine)
    (blocker,) = blocked_by(engine, RENAMED)

    assert blocker.sample == ("id=9",)


@pytest.mark.parametrize("overridden", [False, True])
def test_a_predicate_over_other_tables_is_looked_at_under_their_locks(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, overridden: bool
) -> None:
    engine = expanded(database, MOVED)
    send(engine, "CREATE TABLE extras (flavor_id INTEGER)", "INSERT INTO extras VALUES (1)")
    extras = sa.table("extras", sa.column("flavor_id")).alias()
    transition = replace(
        python(
            "flavors",
            pending=lambda row: ~sa.exists().where(extras.c.flavor_id == row.id),
            move=lambda _connection, _keys: None,
            writes=["extras"],
        ),
        name="flavor_extras",
    )
    write_after_the_look(monkeypatch, engine)
    (blocker,) = blocked_by(engine, transition)
    assert blocker.sample == ("id=9",)

    if overridden:
        contract(engine, transition, override="it is all of a test")
        assert "needed flavor_extras: 1" in str(row_of_history(engine))
    else:
        send(engine, "INSERT INTO extras VALUES (9)")
        contract(engine, transition)
    assert "memory_mb" not in columns(engine)


def test_only_a_predicate_over_its_own_row_can_be_a_fence() -> None:
    other = sa.table("others", sa.column("id"))
    plain = sa.or_(sa.not_(FLAVORS.c.memory_mb == 5), sa.func.coalesce(FLAVORS.c.foobars, 0) > 1)

    assert is_plain(plain, FLAVORS)
    for crooked in (
        sa.exists().where(other.c.id == FLAVORS.c.id),
        FLAVORS.c.memory_mb < sa.func.random(),
        sa.text("memory_mb IS NULL"),
        FLAVORS.alias().c.memory_mb.is_(None),
    ):
        assert not is_plain(sa.and_(plain, crooked), FLAVORS)


def test_what_is_done_before_a_late_writer_is_found_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.name != "mariadb":
        pytest.skip("here all statements are one step")
    engine = expanded(database, MOVED)
    send(engine, "CREATE VIEW shown AS SELECT id, memory_mb FROM flavors")
    before = locked._look

    def look_and_write(step: Step, connection: sa.Connection) -> None:
        before(step, connection)
        connection.rollback()
        lift_fences(connection, step.transitions)  # as if it could not be raised
        with engine.begin() as other:
            other.execute(OLD_RELEASE.insert(), {"id": 9, "memory_mb": 0})

    monkeypatch.setattr(locked, "_look", look_and_write)
    with pytest.raises(GuardError) as refused:
        contract(engine, RENAMED, work=("DROP VIEW shown", DROP))
    assert refused.value.message.startswith(
        "contract 3 drop_flavor_memory_mb is blocked, its first statement is done, the rest is not"
    )
    row = row_of_history(engine)
    assert row is not None
    assert (row["state"], row["statement"]) == ("applying", 1)

    send(engine, "UPDATE flavors SET foobars = memory_mb, memory_mb = NULL WHERE id = 9")
    monkeypatch.undo()
    contract(engine, RENAMED, work=("DROP VIEW shown", DROP))
    assert "memory_mb" not in columns(engine)


WAYS = {
    "postgresql": (
        "INSERT INTO flavors (id, memory_mb) VALUES (1, 5) "
        "ON CONFLICT (id) DO UPDATE SET memory_mb = 6",
        "INSERT INTO flavors (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET memory_mb = 6",
        "WITH w AS (INSERT INTO flavors (id, memory_mb) VALUES (9, 5) RETURNING id) TABLE w",
        "UPDATE shown SET memory_mb = 0",
        "SET LOCAL session_replication_role = replica; UPDATE flavors SET memory_mb = 0",
    ),
    "mariadb": (
        "INSERT INTO flavors (id, memory_mb) VALUES (1, 5) ON DUPLICATE KEY UPDATE memory_mb = 6",
        "INSERT INTO flavors (id) VALUES (1) ON DUPLICATE KEY UPDATE memory_mb = 6",
        "INSERT IGNORE INTO flavors (id, memory_mb) VALUES (9, 5)",
        "REPLACE INTO flavors (id, memory_mb) VALUES (1, 5)",
        "UPDATE IGNORE shown SET memory_mb = 0",
        "UPDATE flavors, (SELECT 1 AS one) AS other SET memory_mb = one",
    ),
}


@pytest.mark.parametrize("sql_mode", ["", "STRICT_ALL_TABLES"])
def test_no_way_to_write_leads_round_a_fence(database: Database, sql_mode: str) -> None:
    if database.name not in WAYS or (sql_mode and database.name != "mariadb"):
        pytest.skip("SQLite has one writer, which needs no fence; only MariaDB has modes")
    engine = expanded(database, MOVED)
    send(engine, "CREATE VIEW shown AS SELECT id, memory_mb FROM flavors")
    raise_fence(engine, RENAMED)
    mode = [f"SET SESSION sql_mode = '{sql_mode}'"] * (database.name == "mariadb")
    for way in WAYS[database.name]:
        with pytest.raises(sa.exc.DBAPIError, match=r"contract is dropping|migrator_fence"):
            send(engine, *mode, way)
    contract(engine, RENAMED, work=("DROP VIEW shown", DROP))
    assert "memory_mb" not in columns(engine)


def test_what_a_foreign_key_cascades_is_found_under_the_lock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.name != "mariadb":
        pytest.skip("only InnoDB cascades without firing triggers")
    engine = expanded(database)
    send(
        engine,
        "CREATE TABLE sizes (id INTEGER PRIMARY KEY)",
        "INSERT INTO sizes VALUES (1)",
        "ALTER TABLE flavors ADD FOREIGN KEY (foobars) REFERENCES sizes (id) ON DELETE SET NULL",
        "INSERT INTO flavors (id, foobars) VALUES (1, 1)",
    )
    before = locked._look

    def look_and_cascade(step: Step, connection: sa.Connection) -> None:
        before(step, connection)
        send(engine, "DELETE FROM sizes")

    monkeypatch.setattr(locked, "_look", look_and_cascade)
    work = ("ALTER TABLE flavors MODIFY deleted INTEGER NOT NULL DEFAULT 0",)
    said = contract_of(completes=[FILLED.name], abandons={"flavors.deleted": "as it was"})
    (blocker,) = blocked_by(engine, FILLED, work=work, migration=said)
    assert blocker.sample == ("id=1",)
