"""What the guard's own session does not see, may not do, or has no time for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator import python
from migrator.errors import DatabaseError, GuardError, StepError
from migrator.guard.explain import explain
from tests.guarded import (
    DROP,
    FLAVORS,
    MOVED,
    PENDING,
    RENAMED,
    columns,
    contract,
    expanded,
    fences,
    raise_fence,
    row_of_history,
    send,
)
from tests.projects import cloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migrator.transitions import Transition
    from tests.databases import Database

POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
MARIADB = pytest.mark.parametrize("database", ["mariadb"], indirect=True)

EXTRAS = sa.table("extras", sa.column("flavor_id"))


def in_python(pending: Callable[[Any], sa.ColumnElement[bool]]) -> Transition:
    """Return a transition of free form, whose rows are those that are *pending*."""
    made = python(
        "flavors", pending=pending, move=lambda _connection, _keys: None, writes=["extras"]
    )
    return replace(made, name="flavor_extras")


ELSEWHERE = in_python(lambda row: sa.exists().where(EXTRAS.c.flavor_id == row.id))


def set_for_all(engine: sa.Engine, setting: str) -> None:
    """Give each later session of the database of *engine* a setting."""
    send(engine, f'ALTER DATABASE "{engine.url.database}" SET {setting}')
    engine.dispose()


@pytest.fixture
def limited(database: Database) -> Iterator[sa.Engine]:
    """Connect as a user of MariaDB or PostgreSQL who owns nothing."""
    server = database.engine(poolclass=sa.NullPool)
    maria = database.name == "mariadb"
    send(server, "CREATE USER 'limited'@'localhost'" if maria else "CREATE ROLE limited LOGIN")
    engine = database.engine(poolclass=sa.NullPool)
    sa.event.listen(engine, "do_connect", lambda *given: given[3].update(user="limited"))
    yield engine
    send(server, "DROP USER 'limited'@'localhost'" if maria else "DROP OWNED BY limited")
    if not maria:
        send(server, "DROP ROLE limited")


@POSTGRESQL
@pytest.mark.parametrize("transition", [RENAMED, ELSEWHERE], ids=["fenced", "locked"])
def test_rows_that_a_policy_hides_are_not_dropped(
    database: Database, limited: sa.Engine, transition: Transition
) -> None:
    engine = expanded(database, PENDING)
    send(
        engine,
        "CREATE TABLE extras (flavor_id INTEGER)",
        "INSERT INTO extras VALUES (2)",
        *(f"ALTER TABLE {each} ENABLE ROW LEVEL SECURITY" for each in ("flavors", "extras")),
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO limited",
        "ALTER TABLE flavors OWNER TO limited",
        "ALTER TABLE flavors FORCE ROW LEVEL SECURITY",
    )
    with pytest.raises(StepError, match="InsufficientPrivilege 42501") as refused:
        contract(limited, transition)
    assert "who sees every row of it" in str(refused.value.hint)
    assert (row_of_history(engine), fences(engine)) == (None, [])
    assert "memory_mb" in columns(engine)


@POSTGRESQL
def test_a_look_that_a_policy_hides_rows_from_says_so(
    database: Database, limited: sa.Engine, tmp_path: Path
) -> None:
    engine = expanded(database, PENDING)
    send(
        engine,
        "ALTER TABLE flavors ENABLE ROW LEVEL SECURITY",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO limited",
    )
    with (
        limited.connect() as connection,
        pytest.raises(DatabaseError, match="the guard's look failed") as refused,
    ):
        explain(connection, cloud(tmp_path))
    assert "row level security" in str(refused.value.hint)


@POSTGRESQL
def test_a_fence_in_a_schema_further_down_the_path_is_found(database: Database) -> None:
    engine = expanded(database, PENDING)
    send(engine, "CREATE SCHEMA app", "ALTER TABLE flavors SET SCHEMA app")
    set_for_all(engine, "search_path = public, app")
    assert raise_fence(engine, RENAMED)
    with pytest.raises(GuardError, match="1 row still needs"):
        contract(engine, RENAMED)
    assert fences(engine) == []


@POSTGRESQL
def test_a_table_of_the_same_name_in_another_schema_is_no_part_of_it(database: Database) -> None:
    engine = expanded(database, MOVED)
    send(engine, "CREATE SCHEMA audit", "CREATE TABLE audit.flavors (id INT, memory_mb INT)")
    work = ("ALTER TABLE audit.flavors DROP COLUMN memory_mb", DROP)
    with pytest.raises(GuardError, match=r"drops audit\.flavors\.memory_mb, and does not say"):
        contract(engine, RENAMED, work=work)


@POSTGRESQL
def test_a_look_that_is_cut_short_says_by_what(database: Database) -> None:
    engine = expanded(database)
    with engine.begin() as connection:
        rows = [{"id": each, "memory_mb": None} for each in range(300)]
        connection.execute(FLAVORS.insert(), rows)
        connection.exec_driver_sql(SLEEP)
    set_for_all(engine, "statement_timeout = 100")
    slow = in_python(lambda row: sa.func.slow(row.memory_mb).is_(True))
    with pytest.raises(StepError, match="QueryCanceled 57014") as refused:
        contract(engine, slow)
    assert "statement_timeout" in str(refused.value.hint)
    assert (row_of_history(engine), fences(engine)) == (None, [])


SLEEP = """
CREATE FUNCTION slow(integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(0.001); RETURN FALSE; END $$
"""


@pytest.mark.requires("row_locks")
def test_a_user_who_may_not_change_the_table_is_told_so(
    database: Database, limited: sa.Engine
) -> None:
    engine = expanded(database, MOVED)
    name = engine.url.database
    grants = {
        "postgresql": "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public "
        "TO limited",
        "mariadb": "GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER, LOCK TABLES "
        f"ON {name}.* TO 'limited'@'localhost'",
    }
    send(engine, grants[database.name])
    with pytest.raises(StepError) as refused:
        contract(limited, RENAMED)
    assert "connect as the owner" in str(refused.value.hint)
    assert (row_of_history(engine), fences(engine)) == (None, [])
    assert "memory_mb" in columns(engine)


@POSTGRESQL
def test_a_session_that_may_only_read_is_told_so(database: Database, tmp_path: Path) -> None:
    engine = expanded(database, MOVED)
    set_for_all(engine, "default_transaction_read_only = on")
    with engine.connect() as connection:
        (told,) = explain(connection, cloud(tmp_path))
    assert told.blockers == ()
    with pytest.raises(StepError, match="25006") as refused:
        contract(engine, RENAMED)
    assert "give migrator the primary" in str(refused.value.hint)
