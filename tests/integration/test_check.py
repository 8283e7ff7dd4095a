"""`migrator check` as it is called: what it prints, and how it exits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from migrator.cli import run
from tests.projects import CLOUD, contract, expand, project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.databases import Database

    Command = Callable[..., tuple[int, str]]

DROP = contract('op.drop_column("flavors", "memory_mb")')


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Call the command line in a folder; return its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIGRATOR_DATABASE_URL", raising=False)

    def command(*arguments: str) -> tuple[int, str]:
        code = run([*arguments])
        printed = capsys.readouterr()
        assert max(map(len, printed.out.splitlines()), default=0) <= 80 or "--json" in arguments
        return code, printed.out + printed.err

    return command


def test_it_needs_no_database_and_exits_with_1_for_an_error(call: Command, tmp_path: Path) -> None:
    project(tmp_path, {**CLOUD, "drop.py": DROP})
    code, out = call("check")
    assert code == 1
    assert "unguarded-drop: drops flavors.memory_mb" in out
    assert out.splitlines()[-1].endswith(f"about {len(CLOUD) + 1} migrations")


def test_warnings_count_when_asked_to(call: Command, tmp_path: Path) -> None:
    project(tmp_path, {"create.py": expand('op.execute("SELECT 1")')})
    assert call("check") == (
        0,
        "create\n"
        "  warning missing-test: has no test: create_test.py is not there\n"
        "          hint: migrator.testing walks a scratch database to a migration and\n"
        "          checks it\n"
        "\n"
        "1 warning about 1 migration\n",
    )
    assert call("check", "--strict")[0] == 1


def test_json_has_the_same(call: Command, tmp_path: Path) -> None:
    project(tmp_path, {"drop.py": expand('op.drop_table("x")')})
    code, out = call("check", "--json", "--dialect", "postgresql", "--dialect", "sqlite")
    found = json.loads(out)
    assert (code, found["errors"], found["warnings"], found["migrations"]) == (1, 1, 1, 1)
    assert found["violations"][0] == {
        "rule": "additive",
        "severity": "error",
        "migration": "drop",
        "message": "DROP TABLE is refused in an expand: it drops what is there",
        "hint": "leave it in the expand and drop or change it in a contract: "
        "migrator new --contract",
        "path": str(tmp_path / "versions" / "drop.py"),
        "line": None,
        "databases": None,
    }


def test_what_is_applied_is_compared_when_there_is_a_database(
    call: Command, tmp_path: Path, database: Database
) -> None:
    text = expand('op.create_table("t", sa.Column("id", sa.Integer))')
    project(tmp_path, {"create.py": text})
    assert call("--database", database.url, "sync")[0] == 0
    assert call("--database", database.url, "check")[0] == 0
    project(tmp_path, {"create.py": f"{text}    # edited\n"})
    code, out = call("--database", database.url, "check")
    assert code == 1
    assert "edited: was edited since it was applied as version 1" in out


def test_a_database_that_is_not_there_is_a_warning(call: Command, tmp_path: Path) -> None:
    project(tmp_path, {"create.py": expand('op.execute("SELECT 1")')})
    code, out = call("--database", f"sqlite:///{tmp_path / 'none.db'}", "check")
    assert code == 0
    assert "what is applied was not compared" in out
    assert not (tmp_path / "none.db").exists()


def test_nothing_to_say_is_said(call: Command, tmp_path: Path) -> None:
    project(tmp_path, {"create.py": expand('op.execute("SELECT 1")')})
    (tmp_path / "versions" / "create_test.py").write_text("")
    assert call("check") == (0, "nothing to say about 1 migration\n")
