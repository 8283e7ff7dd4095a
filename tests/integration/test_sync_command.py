"""`migrator sync` as it is called: what it prints, and how it exits."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator.cli import run
from migrator.database import open_engine
from migrator.lock import runner_lock
from tests.projects import cloud, expand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.databases import Database

    Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Call the command line in the folder of CLOUD; return its exit code and what it printed."""
    cloud(tmp_path)
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(["--database", database.url, *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return command


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_text_says_what_was_applied(call: Command) -> None:
    code, out, err = call("sync")

    assert (code, err) == (0, "")
    assert "    1  expand    create_flavors" in out
    assert "    3  contract  drop_flavor_memory_mb" in out
    assert "4 migrations in " in out
    assert "now at version 4, release kilo." in out
    assert max(map(len, out.splitlines())) <= 80


def test_text_says_that_nothing_is_to_do(call: Command) -> None:
    call("sync")

    assert call("sync") == (0, "Nothing to do: the database is at version 4, release kilo.\n", "")


def test_text_says_which_contracts_were_left(call: Command, database: Database) -> None:
    call("sync", "--version", "1")
    with open_engine(database.url).begin() as connection:
        connection.execute(sa.text("INSERT INTO flavors (id, memory_mb) VALUES (1, 512)"))

    _code, out, _err = call("sync", "--expand-only")

    assert "contract 3 drop_flavor_memory_mb is left pending; rows still need" in out
    assert "migrator online-migrate" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_is_an_event_a_line_and_a_summary(call: Command) -> None:
    _code, out, _err = call("sync", "--version", "juno", "--json")

    *events, summary = objects(out)
    assert [each["event"] for each in events] == ["started", "finished"] * 2
    assert summary == {
        "event": "summary",
        "version": 2,
        "release": "juno",
        "applied": [1, 2],
        "left": [],
    }


def test_a_dry_run_shows_the_sql_and_changes_nothing(call: Command, database: Database) -> None:
    code, out, _err = call("sync", "--dry-run")

    assert code == 0
    assert "-- 3 drop_flavor_memory_mb (contract)" in out
    assert "ALTER TABLE flavors DROP COLUMN memory_mb;" in out
    assert sa.inspect(open_engine(database.url)).get_table_names() == []


def test_json_has_the_time_of_each_statement(call: Command) -> None:
    before = time.monotonic()
    _code, out, _err = call("sync", "--version", "juno", "--json", "--statements")

    *events, _summary = objects(out)
    sent = [each["sql"] for each in events if each["event"] == "statement"]
    assert any("CREATE TABLE flavors" in each for each in sent)
    assert [each["at"] for each in events] == sorted(each["at"] for each in events)
    assert before <= events[0]["at"] <= time.monotonic()


@pytest.mark.parametrize("options", [("--statements",), ("--statements", "--json", "--dry-run")])
def test_statements_are_timed_as_json_only(call: Command, options: tuple[str, ...]) -> None:
    code, _out, err = call("sync", *options)

    assert code == 2
    assert "--statements goes with --json" in err


def test_a_dry_run_as_json(call: Command) -> None:
    _code, out, _err = call("sync", "--dry-run", "--expand-only", "--json")

    (found,) = objects(out)
    assert (found["version"], found["target"], found["left"]) == (0, 4, [3])
    assert [each["version"] for each in found["steps"]] == [1, 2, 4]
    assert found["steps"][2]["statements"] == ["ALTER TABLE flavors ADD COLUMN disk INTEGER"]


def test_a_script_goes_to_standard_output(call: Command) -> None:
    code, out, err = call("sync", "--expand-only", "--sql")

    assert (code, err) == (0, "")
    assert "-- left pending: contract 3 drop_flavor_memory_mb" in out
    assert "INSERT INTO migrator_history" in out


def test_a_script_is_neither_a_dry_run_nor_json(call: Command) -> None:
    code, _out, err = call("sync", "--sql", "--dry-run")

    assert code == 2
    assert "--sql goes with neither" in err


def test_a_blocked_contract_exits_with_3(call: Command, database: Database) -> None:
    call("sync", "--version", "2")
    with open_engine(database.url).begin() as connection:
        connection.execute(sa.text("INSERT INTO flavors (id, memory_mb) VALUES (1, 512)"))

    code, out, err = call("sync")

    assert (code, out) == (3, "")
    assert "migrator online-migrate" in err


def test_json_ends_with_the_error_and_what_blocks(call: Command, database: Database) -> None:
    call("sync", "--version", "1")
    assert objects(call("sync", "--version", "2", "--json")[1])[-1]["event"] == "summary"
    with open_engine(database.url).begin() as connection:
        connection.execute(sa.text("INSERT INTO flavors (id, memory_mb) VALUES (1, 512)"))

    code, out, err = call("sync", "--json")

    (error,) = objects(out)
    assert (error["event"], error["exit_code"], code) == ("error", 3, 3)
    assert [each["pending"] for each in error["blockers"]] == [1]
    assert error["message"] in err
    assert "512" not in out


@pytest.mark.thorough
def test_a_second_operator_exits_with_2(call: Command, database: Database) -> None:
    with open_engine(database.url).connect() as connection, runner_lock(connection):
        code, out, err = call("sync")

    assert (code, out) == (2, "")
    assert "error: another migrator runs on this database: host " in err


def test_a_user_who_may_only_read_can_look_and_is_told_why_it_cannot_sync(
    call: Command, database: Database
) -> None:
    call("sync", "--version", "juno")
    with reader(database) as url:
        assert call("--database", url, "status")[0] == 0
        assert call("--database", url, "sync", "--dry-run", "--version", "2")[0] == 0
        code, _out, err = call("--database", url, "sync")

    assert code == 2
    assert re.search("permission denied|command denied|readonly database", err)


@contextmanager
def reader(database: Database) -> Iterator[str]:
    """Yield the URL of *database* for somebody who may only read."""
    url = sa.make_url(database.url)
    if database.name == "sqlite":
        yield f"sqlite:///file:{url.database}?mode=ro&uri=true"
        return
    tables = "ALL TABLES IN SCHEMA public" if database.name == "postgresql" else f"{url.database}.*"
    admin = database.engine(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE USER migrator_reader")
        connection.exec_driver_sql(f"GRANT SELECT ON {tables} TO migrator_reader")
        try:
            yield url.set(username="migrator_reader").render_as_string(hide_password=False)
        finally:
            if database.name == "postgresql":
                connection.exec_driver_sql("DROP OWNED BY migrator_reader")
            connection.exec_driver_sql("DROP USER migrator_reader")


@pytest.mark.requires("row_locks")
def test_ctrl_c_exits_with_130_at_once_and_the_next_sync_goes_on(
    call: Command, database: Database
) -> None:
    call("sync", "--version", "1")
    begun = time.monotonic()
    timer = threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT))
    with open_engine(database.url).connect() as reader:
        reader.execute(sa.text("SELECT id FROM flavors"))
        timer.start()
        code, _out, err = call("sync", "--lock-timeout", "300")

    assert (code, err.strip()) == (130, "interrupted; run the same command again to go on")
    assert time.monotonic() - begun < 60
    assert call("sync")[0] == 0


def test_an_unknown_release_exits_with_2(call: Command) -> None:
    code, _out, err = call("sync", "--version", "klio")

    assert code == 2
    assert "did you mean kilo?" in err


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "1e9"])
def test_a_lock_timeout_that_is_none_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: str
) -> None:
    manifest = str(cloud(tmp_path).path)

    code = run(
        ["--manifest", manifest, "--database", "sqlite://", "sync", "--lock-timeout", seconds]
    )

    assert code == 2
    assert "expected one from 0.001 to 3600" in capsys.readouterr().err


def test_the_guard_is_not_overridden_without_a_reason(call: Command, database: Database) -> None:
    call("sync", "--version", "2")

    code, out, err = call("sync", "--override-guard", " ")

    assert (code, out) == (2, "")
    assert "not overridden without a reason" in err
    columns = sa.inspect(open_engine(database.url)).get_columns("flavors")
    assert "memory_mb" in [each["name"] for each in columns]


def test_a_refused_expand_exits_with_2_and_says_where(call: Command, tmp_path: Path) -> None:
    cloud(tmp_path, drop_disk=expand('op.drop_column("flavors", "disk")'))

    code, out, err = call("sync")

    assert (code, out) == (2, "")
    assert "drop_disk: DROP COLUMN is refused in an expand" in err


def test_a_dry_run_on_a_file_that_is_not_there_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud(tmp_path)
    monkeypatch.chdir(tmp_path)

    assert run(["--database", "sqlite:///new.db", "sync", "--dry-run"]) == 0
    assert "create_flavors" in capsys.readouterr().out
    assert not (tmp_path / "new.db").exists()
