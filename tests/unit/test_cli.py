"""The command line: help, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from migrator.cli import COMMANDS, run

COMMAND_FILES = {
    path.stem.replace("_", "-")
    for path in (Path(__file__).parents[2] / "migrator" / "commands").glob("[!_]*.py")
}


def test_every_command_has_its_file() -> None:
    assert set(COMMANDS) == COMMAND_FILES


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0

    out = capsys.readouterr().out
    assert "Usage: migrator" in out
    assert max(map(len, out.splitlines())) <= 80


def test_unknown_command_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snyc"]) == 2
    assert "snyc" in capsys.readouterr().err


def test_command_that_is_mistyped_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snyc"]) == 2
    assert "Did you mean 'sync'?" in capsys.readouterr().err


def test_error_and_hint_go_to_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIGRATOR_DATABASE_URL", raising=False)
    (tmp_path / "versions.json").write_text("{\n}\n")

    assert run(["status"]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error: no database is given" in printed.err
    assert "hint: set MIGRATOR_DATABASE_URL or give --database URL" in printed.err


COMMAND_LINES = (
    *("check", "guard", "guard --lift", "online-migrate", "online-migrate --json", "renumber"),
    *("services", "services --forget 1", "status", "status --json"),
    *("sync", "sync --dry-run", "sync --json", "sync --sql"),
)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://me:hunter2@127.0.0.1:1/none",
        "postgresql+psycopg2://me:hun%74er2@127.0.0.1:1/none",
        "postgresql+psycopg2://me:x@hunter2@127.0.0.1:1/none",
        "postgresql+psycopg2://127.0.0.1:1/none?user=me&password=hunter2",
        "postgresql+psycopg://127.0.0.1:1/none?password=hunter2",
        "postgresql+psycopg2://me:hunter2@127.0.0.1:port/none",
        "postgresql+psycopg2://me@127.0.0.1:1/none?nonsense=1&password=hunter2",
        "postgresql+asyncpg://me:hunter2@127.0.0.1:1/none",
        "mariadb+pymysql://me:hunter2@127.0.0.1:1/none",
        "mariadb+pymysql://me:hunter2@127.0.0.1:1/none?nonsense=1",
        "mysql+pymysql://127.0.0.1:1/none?password=hunter2",
        "mssql+pyodbc://me:hunter2@127.0.0.1/none",
        "hunter2",
    ],
)
def test_password_is_never_printed(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "versions.json").write_text("{\n}\n")

    codes = {line: run(["--database", url, *line.split()]) for line in COMMAND_LINES}

    printed = capsys.readouterr()
    assert "hunter2" not in printed.out + printed.err
    assert {line for line, code in codes.items() if code != 2} <= {"check", "renumber"}


def test_what_a_driver_says_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise sa.exc.IntegrityError("INSERT", {}, Exception("row data"))

    monkeypatch.setattr("migrator.cli.load_settings", refuse)

    assert run(["services"]) == 2
    assert capsys.readouterr().err == "error: asking the database failed: Exception\n"


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "migrator", "--help"], capture_output=True, text=True, check=True
    )

    assert "Usage: migrator" in done.stdout
