"""The commands that explain the guard and list the services, on real databases."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry

from migrator import fill
from migrator.apply import Options, sync
from migrator.cli import run
from migrator.database import open_engine
from migrator.services import LiveService, register
from migrator.transitions.batch import reflect
from tests.guarded import FLAVORS, RENAMED, fences, raise_fence
from tests.projects import CLOUD, cloud, contract, project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.databases import Database

    Command = Callable[..., int]


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> sa.Engine:
    """A database with flavors after the expand, where one row is pending."""
    engine = open_engine(database.url)
    sync(engine, cloud(tmp_path), Options(expand_only=True))
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO flavors (id, memory_mb) VALUES (7, 0)"))
    return engine


@pytest.fixture
def migrator(tmp_path: Path, engine: sa.Engine) -> Command:
    """Return the command line on that database."""
    url = engine.url.render_as_string(hide_password=False)
    options = ("--manifest", str(tmp_path / "versions.json"), "--database", url)
    return lambda *arguments: run([*options, *arguments])


def test_guard_explains_and_touches_nothing(
    migrator: Command, engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrator("guard") == 3

    assert capsys.readouterr().out.splitlines() == [
        "Contract 3 drop_flavor_memory_mb",
        "  Drop something.",
        "  drops       flavors.memory_mb",
        "  completes   flavor_foobars",
        "  blocked     flavors: 1 row still needs flavor_foobars",
        "              rows id=7",
        "              run: migrator online-migrate --only flavor_foobars",
    ]
    with engine.connect() as connection:
        assert "memory_mb" in reflect(connection, RENAMED).c
    assert fences(engine) == []


def test_guard_says_what_a_contract_takes_beside_columns(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = CLOUD | {
        "require.py": contract(
            'op.execute("CREATE UNIQUE INDEX one ON flavors (foobars)")',
            'op.execute("DELETE FROM flavors WHERE foobars = 0")',
            head='abandons = {"flavors": "there are too many"}',
        )
    }
    manifest = project(tmp_path, files, juno=2, kilo=4)
    sync(open_engine(database.url), manifest, Options(expand_only=True))
    run(["--manifest", str(manifest.path), "--database", database.url, "guard", "5"])
    assert capsys.readouterr().out.splitlines()[2:4] == [
        "  takes more  refuses writes to flavors by a new unique index; changes rows or",
        "              the storage of flavors",
    ]


@pytest.mark.parametrize("reason", ["", " "])
def test_an_override_without_a_reason_is_none(
    migrator: Command, engine: sa.Engine, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    assert migrator("sync", "--override-guard", reason) == 2
    assert "the guard is not overridden without a reason" in capsys.readouterr().err
    with engine.connect() as connection:
        assert "memory_mb" in reflect(connection, RENAMED).c


def test_guard_says_that_a_contract_is_open(
    migrator: Command, engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE flavors SET memory_mb = NULL"))
    assert migrator("guard", "drop_flavor_memory_mb") == 0
    assert "nothing blocks it" in capsys.readouterr().out

    assert migrator("sync") == 0
    capsys.readouterr()
    assert migrator("guard") == 0
    assert capsys.readouterr().out == "no contract is pending\n"


def test_guard_tells_the_same_as_json(
    migrator: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrator("guard", "3", "--json") == 3
    (shown,) = json.loads(capsys.readouterr().out)["contracts"]

    assert (shown["number"], shown["open"], shown["drops"]) == (
        3,
        False,
        ["flavors.memory_mb"],
    )
    (blocker,) = shown["blockers"]
    assert (blocker["pending"], blocker["sample"]) == (1, ["id=7"])


@pytest.mark.parametrize("wanted", ["2", "4", "99", "add_flavor_foobars"])
def test_what_is_no_pending_contract_is_an_error(
    migrator: Command, capsys: pytest.CaptureFixture[str], wanted: str
) -> None:
    assert migrator("guard", wanted) == 2
    assert "pending contracts: 3 drop_flavor_memory_mb" in capsys.readouterr().err


@pytest.mark.parametrize("everything", [False, True])
def test_a_fence_that_was_left_is_shown_and_lifted(
    migrator: Command, engine: sa.Engine, capsys: pytest.CaptureFixture[str], *, everything: bool
) -> None:
    raise_fence(engine, RENAMED)
    stood = fences(engine)
    migrator("guard", "--json")
    (shown,) = json.loads(capsys.readouterr().out)["contracts"]
    assert shown["fences"] == sorted(stood)

    lifted = ["guard", "--lift"] if everything else ["guard", "3", "--lift"]
    if everything:  # of a transition that nobody declares any more
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE old (id INTEGER PRIMARY KEY, mb INTEGER)"))
        raise_fence(engine, replace(fill("old", "mb", value=1), name="gone"))
        stood = fences(engine)
    assert migrator(*lifted) == 0
    said = [f"lifted {name}" for name in stood] or ["no fence stands"]
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(said)
    assert fences(engine) == []


def test_services_are_listed_and_forgotten(
    migrator: Command, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    models = registry(metadata=FLAVORS.metadata)
    service = register(
        database.engine(), name="a" * 200, models=models, release="kilo", lease_seconds=3600
    )
    try:
        assert migrator("services") == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert max(map(len, lines)) <= 80

        migrator("services", "--json")
        (shown,) = json.loads(capsys.readouterr().out)["services"]
        assert (shown["id"], shown["alive"]) == (service.id, True)
        assert "flavors.memory_mb" in shown["columns"]

        assert migrator("services", "--forget", service.id[:8]) == 2
        assert "its lease runs for" in capsys.readouterr().err
        assert migrator("services", "--forget", service.id[:8], "--force") == 0
        assert "its queries will fail" in capsys.readouterr().err
    finally:
        service.close()
    assert migrator("services", "--forget", "nobody") == 2
    assert "no process has an id that begins with 'nobody'" in capsys.readouterr().err


def test_a_process_whose_lease_is_over_is_marked() -> None:
    from migrator.report.services import lines

    service = LiveService(
        id="1234567890", name="api", host="h", pid=1, release=None, versions={},
        columns=frozenset(), started_at=0.0, last_seen=0.0, lease_seconds=60.0, age=200.0,
    )  # fmt: skip
    assert not service.alive
    assert list(lines([service]))[1].endswith("3 min    12345678 over")
