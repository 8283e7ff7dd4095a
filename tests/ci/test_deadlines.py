"""Deadlines of what the runner itself asks a server: it is ended, and nothing hangs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from ci.databases import open_database
from ci.errors import DeadlineError
from ci.timing import Engine
from tests.ci import served

if TYPE_CHECKING:
    from pathlib import Path

    from ci.databases.postgresql import PostgreSQL


def test_a_question_that_takes_too_long_ends_the_server(tmp_path: Path) -> None:
    data = served.shop(Engine.POSTGRESQL, tmp_path, "SELECT 1;")
    with served.places() as places, open_database(data, places) as opened:
        database = cast("PostgreSQL", opened)
        database.initialise()
        database.places = replace(places, seconds=1)
        began = time.monotonic()
        with (
            pytest.raises(DeadlineError, match="settle: not done after 1 s"),
            database.asking("settle") as connection,
        ):
            connection.exec_driver_sql("SELECT pg_sleep(60)")
        assert time.monotonic() - began < 20
