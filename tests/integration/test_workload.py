"""Three generations write while rows move and the column goes: no acknowledged write is missing.

First the checker without a migration, then the migration without writers, then both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrator.online import migrate
from tests.databases import DATABASES, why_not
from tests.generations import KINDS
from tests.guarded import columns
from tests.workload import SEEDED, WANTED, Workload

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough

SLOW = pytest.mark.slow
EVERYWHERE = pytest.mark.parametrize(
    ("database", "kind"),
    [
        pytest.param(name, kind, marks=SLOW if name == "sqlite" and kind != "in_sql" else ())
        for name in DATABASES
        for kind in KINDS
    ],
    indirect=["database"],
)
BY_OPERATORS = "rows that operators moved"


def test_the_checker_alone(database: Database) -> None:
    with Workload(database, "in_sql", operators=False) as work:
        work.wait_for(but=(BY_OPERATORS, "rows that were filled again after they had moved"))
    migrate(work.engine, [work.transition])

    assert work.wrong() == []


def test_the_migration_alone(database: Database) -> None:
    with Workload(database, "in_sql", writers=False) as work:
        work.wait_for(but=tuple(WANTED.keys() - {BY_OPERATORS}))
        work.contract()

    assert work.wrong() == []
    assert len(work.rows()) == len(SEEDED)


@EVERYWHERE
def test_no_acknowledged_write_is_missing(database: Database, kind: str) -> None:
    with Workload(database, kind) as work:
        work.wait_for()
        work.contract()

    assert "memory_mb" not in columns(work.engine)
    assert work.wrong() == []


@SLOW
@pytest.mark.parametrize("kind", KINDS)
def test_a_minute_in_which_operators_and_the_server_are_killed(
    database: Database, kind: str
) -> None:
    can_be_killed = why_not(database.name, "kill9") is None
    with Workload(database, kind) as work:
        for _ in range(15):
            work.wait_for(2)
            work.kill_an_operator()
            if can_be_killed and database.server:
                database.server.kill9()
                database.server.restart()
        work.wait_for(2)
        work.contract()

    assert work.wrong() == []
