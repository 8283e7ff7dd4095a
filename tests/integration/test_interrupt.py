"""Ctrl-C while the database works: through every driver it ends the statement as well."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from migrator.database import open_engine
from migrator.interrupt import NOT_SET, interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from tests.databases import Database

LONG = {
    "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(300)",
    "mariadb": "SELECT sleep(300)",
}
RUNNING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
    "AND query LIKE '%sleep(300)' AND pid <> pg_backend_pid()",
    "mariadb": "SELECT count(*) FROM information_schema.processlist "
    "WHERE info LIKE '%sleep(300)' AND id <> connection_id()",
}
SOON = 30.0


@contextmanager
def ctrl_c(*, after: float) -> Iterator[None]:
    """Send SIGINT to this process *after* so many seconds."""
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def is_over(engine: Engine, query: str) -> bool:
    """Return whether, soon, the server has no such statement any more."""
    give_up = time.monotonic() + SOON
    with engine.connect() as connection:
        while connection.exec_driver_sql(query.replace("%", "%%")).scalar_one():
            if time.monotonic() > give_up:
                return False
            connection.rollback()
            time.sleep(0.05)
    return True


def test_ctrl_c_ends_the_statement_and_not_only_the_wait(driver: Database) -> None:
    engine = open_engine(driver.url)
    begun = time.monotonic()

    with (
        pytest.raises(KeyboardInterrupt),
        interruptible(engine),
        engine.connect() as connection,
        ctrl_c(after=0.3),
    ):
        connection.exec_driver_sql(LONG[driver.name])

    assert time.monotonic() - begun < SOON
    assert driver.server is None or is_over(engine, RUNNING[driver.name])


def test_ctrl_c_between_statements_is_one_as_always() -> None:
    engine = open_engine("sqlite://")

    with (
        pytest.raises(KeyboardInterrupt),
        interruptible(engine),
        ctrl_c(after=0.1),
    ):
        time.sleep(SOON)


def test_what_others_listen_with_is_left_to_them() -> None:
    before = signal.set_wakeup_fd(NOT_SET)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    try:
        with interruptible(open_engine("sqlite://")):
            assert signal.set_wakeup_fd(writer) == writer
        assert signal.set_wakeup_fd(writer) == writer
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def test_other_threads_get_no_signals() -> None:
    ran: list[int] = []

    def run() -> None:
        with interruptible(open_engine("sqlite://")):
            ran.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran
