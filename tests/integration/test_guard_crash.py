"""A contract that is killed at every point: the next run ends in the same state."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from migrator.apply import Noted, Options, sync
from migrator.database import open_engine
from migrator.errors import StepError
from tests.cut_short import cut_everywhere, run
from tests.guarded import Points, quick
from tests.projects import cloud
from tests.proxy import COMMIT, Cut, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.databases import Database

pytestmark = pytest.mark.thorough

PROCESSES = multiprocessing.get_context("forkserver")
"""Processes that fork from one that has done nothing but imports: quick, and without threads."""


def run_and_die(url: str, at: int) -> None:
    """Run the contract and die at point *at*, like a process that is killed -9."""
    engine = open_engine(quick(url))
    with Points(engine, at, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        run(engine)


def killed(database: Database, at: int) -> bool:
    """Return whether a run that dies at point *at* has come that far."""
    process = PROCESSES.Process(target=run_and_die, args=(database.url, at))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


@pytest.mark.parametrize("writes", [False, True])
def test_a_contract_killed_at_any_point_is_finished_by_the_next_run(
    database: Database, *, writes: bool
) -> None:
    PROCESSES.set_forkserver_preload([__name__, "tests.cut_short"])
    acknowledged = cut_everywhere(database, partial(killed, database), writes=writes)

    assert (acknowledged > 0) == writes


def lost(url: str, at: int | None = None, act: Callable[[], None] = lambda: None) -> bool:
    """Run the contract, *act* at point *at*, and return whether its connection was lost."""
    engine = open_engine(quick(url))
    try:
        with Points(engine, at, act):
            run(engine)
    except StepError as error:
        return "lost its connection" in error.message and "sync again" in str(error.hint)
    finally:
        engine.dispose()
    return False


def server_killed(database: Database, at: int, *, later: float = 0.0) -> bool:
    """Return whether a run has come to point *at*, where its server is killed."""
    assert database.server
    server, died = database.server, threading.Event()

    def kill() -> None:
        died.set()
        server.kill9()

    timer = threading.Timer(later, kill)
    told = lost(database.url, at, timer.start if later else kill)
    if timer.ident:
        timer.join()
    if died.is_set():
        server.restart()
    assert told == died.is_set() or later
    return died.is_set()


@pytest.mark.requires("kill9")
@pytest.mark.parametrize("writes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_contract_whose_server_is_killed_is_finished_by_the_next_run(
    database: Database, *, writes: bool
) -> None:
    acknowledged = cut_everywhere(database, partial(server_killed, database), writes=writes)

    assert (acknowledged > 0) == writes


@pytest.mark.slow
@pytest.mark.requires("kill9")
@pytest.mark.parametrize("later", [0.0005, 0.002])
def test_a_server_that_is_killed_while_it_works_is_gone_on_with(
    database: Database, later: float
) -> None:
    cut_everywhere(database, partial(server_killed, database, later=later), writes=True)


STATEMENTS = (COMMIT, b"flavors", b"migrator_history", b"TABLES", b"TRIGGER")


@pytest.mark.requires("kill9")
@pytest.mark.parametrize("how", list(Cut))
def test_a_statement_without_an_answer_is_looked_up(
    database: Database, tmp_path: Path, how: Cut
) -> None:
    with Proxy(database, tmp_path, at=STATEMENTS) as proxy:

        def cut(at: int) -> bool:
            proxy.cut(how, at)
            told = lost(proxy.url)
            assert not told or proxy.seen > at
            return proxy.seen > at  # a note in the history is written again

        acknowledged = cut_everywhere(database, cut, writes=True)
    assert acknowledged > 0


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
@pytest.mark.requires("kill9")
def test_a_note_whose_commit_gets_no_answer_is_written_once_more(
    database: Database, tmp_path: Path
) -> None:
    manifest = cloud(tmp_path)
    sync(open_engine(database.url), manifest, Options(expand_only=True))

    def see(event: object) -> None:
        if isinstance(event, Noted):  # fenced; then come the look at the services and the note
            proxy.cut(Cut.AFTER, 1)

    with Proxy(database, tmp_path) as proxy:
        outcome = sync(open_engine(quick(proxy.url)), manifest, on_event=see)
    assert (outcome.version, proxy.seen > 1) == (4, True)
