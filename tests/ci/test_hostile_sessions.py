"""What code under test can leave in a server to hold up the sessions of the runner for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ci.databases import open_database
from ci.measuring import open_watch
from ci.timing import Engine
from tests.ci import served
from tests.ci.test_hostile_databases import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.databases.base import Database

ENDLESS = {
    Engine.POSTGRESQL: """
CREATE FUNCTION {name}() RETURNS {type} LANGUAGE plpgsql IMMUTABLE AS $f$
BEGIN LOOP
    BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END;
END LOOP; END $f$
""",
    Engine.MARIADB: """
CREATE FUNCTION {name}() RETURNS {type} DETERMINISTIC NO SQL
BEGIN
    DECLARE x INT; DECLARE CONTINUE HANDLER FOR SQLEXCEPTION, 1969, 1317, 3024 SET x = 1;
    LOOP SET x = sleep(1000); END LOOP; RETURN 1;
END
""",
}
"""It goes on when its time is over: a function may catch that."""
SLOW = {
    Engine.POSTGRESQL: "SELECT pg_sleep(0.1), o.* FROM orders o WHERE sum > forever() LIMIT 1",
    Engine.MARIADB: "SELECT sleep(0.1), o.* FROM orders o WHERE sum > forever() LIMIT 1",
}
SERVERS = (Engine.POSTGRESQL, Engine.MARIADB)

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture(scope="module", params=SERVERS)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    data = served.shop(request.param, tmp_path_factory.mktemp(request.param))
    with served.places() as places, open_database(data, places) as opened:
        opened.restore(data)
        opened.keep("first")
        yield opened


@pytest.fixture
def hostile(database: Database) -> Database:
    database.reset("first")
    return database


def endless(database: Database, name: str, kind: str = "INT") -> str:
    return ENDLESS[database.engine].format(name=name, type=kind)


def test_a_table_that_became_an_endless_view_holds_up_nothing(hostile: Database) -> None:
    with open_watch(hostile) as watch:
        watch.begin(["orders"])
        ask(
            hostile.migrating(),
            endless(hostile, "forever"),
            "DROP TABLE orders",
            "CREATE VIEW orders AS SELECT 1 AS id WHERE forever() > 0",
        )
        time.sleep(2)
        began = time.monotonic()
        watch.end(origin=began - 2, until=began)
    assert time.monotonic() - began < 20


def test_a_statement_whose_plan_is_endless_holds_up_nothing(hostile: Database) -> None:
    """What is planned is what it was run with, and that may have another meaning by now."""
    quick = endless(hostile, "forever").replace("sleep(1000)", "sleep(0)")
    quick = quick.replace("LOOP\n", "LOOP RETURN 1;\n").replace("LOOP SET", "LOOP RETURN 1; SET")
    with open_watch(hostile) as watch:
        watch.begin([])
        ask(hostile.migrating(), quick)
        ask(
            hostile.migrating(),
            SLOW[hostile.engine],
        )
        ask(hostile.migrating(), "DROP FUNCTION forever", endless(hostile, "forever"))
        began = time.monotonic()
        watch.end(origin=began - 2, until=began)
    assert time.monotonic() - began < 40


def test_a_session_that_begins_with_an_endless_function_holds_up_nothing(
    hostile: Database,
) -> None:
    """A driver asks for current_schema() before we can say anything."""
    if hostile.engine is not Engine.POSTGRESQL:
        return  # nobody can stand in for a function of MariaDB's own
    with open_watch(hostile) as watch:
        watch.begin(["orders"])
        ask(
            hostile.migrating(),
            "CREATE SCHEMA evil",
            endless(hostile, "evil.current_schema", "text"),
            "SELECT pg_sleep(0.1) FROM orders LIMIT 1",
            "ALTER DATABASE app SET search_path = evil, pg_catalog",
        )
        began = time.monotonic()
        watch.end(origin=began - 2, until=began)
        hostile.sizes()
    assert time.monotonic() - began < 40
