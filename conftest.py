"""Fixtures of every test, here and beside the migrations: databases, engines, drivers."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.databases import DATABASES, DRIVERS, Database, Servers, fresh, why_not
from tests.servers import folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import sqlalchemy as sa

NAMED_BY = ("database", "driver", "drivername", "server")
"""Parameters of a test that say which database it runs on."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        action="append",
        choices=DATABASES,
        help="run tests of this database only; may be repeated; all by default",
    )


def pytest_sessionstart() -> None:
    folders.sweep()
    # A shell lets what it starts in the background ignore Ctrl-C, which tests send to themselves.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--database") or DATABASES
    left = [item for item in items if database_of(item) not in (None, *wanted)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if database_of(item) in (None, *wanted)]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers by name, started when first asked for and stopped when the session ends."""
    servers = Servers()
    yield servers
    servers.close()


@pytest.fixture(params=DATABASES)
def database(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path
) -> Iterator[Database]:
    """A fresh, empty database: the test runs once on each of DATABASES."""
    skip_unless_capable(request)
    yield from fresh(request.param, servers, tmp_path)


@pytest.fixture
def engine(database: Database) -> sa.Engine:
    """An engine on a fresh, empty database: the test runs once on each of DATABASES."""
    return database.engine()


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Database]:
    """A fresh, empty database: the test runs once through each of DRIVERS."""
    skip_unless_capable(request)
    for database in fresh(DRIVERS[request.param], servers, tmp_path):
        yield database.through(request.param)


def database_of(item: pytest.Item) -> str | None:
    """Return the name of the database that *item* runs on, or None when it needs none."""
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params if callspec else {}
    said = next((parameters[name] for name in NAMED_BY if name in parameters), None)
    return None if said is None else DRIVERS.get(said, said.partition("+")[0])


def skip_unless_capable(request: pytest.FixtureRequest) -> None:
    """Skip a test marked `requires(capability)` on a database that lacks it."""
    name = DRIVERS.get(request.param, request.param)
    for mark in request.node.iter_markers("requires"):
        for capability in mark.args:
            if reason := why_not(name, capability):
                pytest.skip(reason)
