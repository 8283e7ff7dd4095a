"""The guard and the registry of services: who counts as alive, and what counts as mapped."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry

from migrator import rename
from migrator.cli import run
from migrator.services import SERVICE, listed, register
from tests.guarded import (
    FLAVORS,
    MOVED,
    RENAMED,
    blocked_by,
    columns,
    contract,
    contract_of,
    expanded,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migrator.services import LiveService
    from tests.databases import Database

pytestmark = pytest.mark.thorough

MODELS = registry(metadata=FLAVORS.metadata)
LONG = 3600.0


@pytest.mark.parametrize("column", ["columns", "versions"])
@pytest.mark.parametrize("garbage", ["", "{", "null", "[1]"])
def test_a_row_that_cannot_be_read_may_map_anything(
    database: Database, column: str, garbage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = expanded(database, MOVED)
    with register(engine, name="api", models=MODELS, lease_seconds=LONG) as service:
        with engine.begin() as connection:
            connection.execute(sa.update(SERVICE).values({column: garbage}))
        (blocker,) = blocked_by(engine, RENAMED)
        assert blocker.reason.startswith("service api on ")
        assert ("may map flavors.memory_mb" in blocker.reason) == (column == "columns")

        url = engine.url.render_as_string(hide_password=False)
        assert run(["--database", url, "services", "--json"]) == 0
        (shown,) = json.loads(capsys.readouterr().out)["services"]
        assert (shown["columns"] is None) == (column == "columns")
        assert run(["--database", url, "services", "--forget", service.id, "--force"]) == 0
    contract(engine, RENAMED)


@pytest.mark.parametrize("moment", [math.inf, math.nan])
def test_a_moment_that_is_none_does_not_make_a_process_dead(
    database: Database, moment: float
) -> None:
    if database.name != "postgresql":
        pytest.skip("only PostgreSQL keeps such numbers")
    engine = expanded(database, MOVED)
    with register(engine, name="api", models=MODELS, lease_seconds=LONG):
        with engine.begin() as connection:
            connection.execute(sa.update(SERVICE).values(last_seen=moment))
        blocked_by(engine, RENAMED)


def test_a_process_of_the_future_is_alive_until_it_is_forgotten(database: Database) -> None:
    engine = expanded(database, MOVED)
    with register(engine, name="api", models=MODELS, lease_seconds=LONG):
        with engine.begin() as connection:
            # As if the clock of the database had been set back by a day since.
            later = SERVICE.c.last_seen + 86_400
            connection.execute(sa.update(SERVICE).values(last_seen=later))
        blocked_by(engine, RENAMED)


def test_names_with_dots_are_not_taken_apart(database: Database) -> None:
    engine = expanded(database)
    table = sa.Table(
        "old.flavors",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("memory.mb", sa.Integer),
        sa.Column("foobars", sa.Integer),
    )
    table.create(engine)
    quote = engine.dialect.identifier_preparer.quote
    drop = f"ALTER TABLE {quote('old.flavors')} DROP COLUMN {quote('memory.mb')}"
    transition = replace(rename("old.flavors", "memory.mb", to="foobars"), name="dotted")
    known = registry(metadata=table.metadata)
    with register(engine, name="api", models=known, lease_seconds=LONG):
        (blocker,) = blocked_by(engine, transition, work=(drop,))
        assert blocker.reason.endswith("still maps old.flavors.memory.mb")

        gone = contract_of(completes=["dotted"], abandons={"old.flavors": "it goes"})
        whole = f"DROP TABLE {quote('old.flavors')}"
        (blocker,) = blocked_by(engine, transition, work=(whole,), migration=gone)
        assert blocker.reason.endswith("still maps old.flavors")
    contract(engine, transition, work=(drop,))


SERVE = """
import sys, time
import sqlalchemy as sa
from sqlalchemy.orm import registry
from migrator.services import register
from tests.guarded import FLAVORS
register(sa.create_engine(sys.argv[1]), name="api", models=registry(metadata=FLAVORS.metadata),
         lease_seconds=3)
print("up", flush=True)
time.sleep(600)
"""


def test_a_process_that_is_stopped_counts_as_dead_after_its_lease(
    database: Database, tmp_path: Path
) -> None:
    engine = expanded(database, MOVED)
    said = tmp_path / "said"
    with (
        said.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", SERVE, database.url],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            os.kill(process.pid, signal.SIGSTOP)
            blocked_by(engine, RENAMED)
            wait_until(lambda: not any(each.alive for each in services(engine)))
            contract(engine, RENAMED)
            os.kill(process.pid, signal.SIGCONT)
            wait_until(lambda: "is registered anew" in said.read_text())
            assert [each.alive for each in services(engine)] == [True]
        finally:
            process.kill()
    assert "memory_mb" not in columns(engine)


def services(engine: sa.Engine) -> tuple[LiveService, ...]:
    with engine.connect() as connection:
        return listed(connection)


def wait_until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.1)
