"""Commands that look at past runs."""

from __future__ import annotations

import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import pytest

from ci.cli import run
from ci.datasets import Measure, find_datasets
from ci.history import History
from ci.learn import Proposal, as_diff
from ci.pages import publish, retire
from ci.resume import forget_private
from ci.serve import server_of
from ci.state import State
from tests.ci.results import result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Call: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(folder=tmp_path / "state").make()


@pytest.fixture
def history(state: State) -> Iterator[History]:
    with History(state.history) as opened:
        yield opened


@pytest.fixture
def call(state: State, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, "--state", str(state.folder)])
        return code, *capsys.readouterr()

    return call


def test_a_trend_is_a_line_for_each_step(history: History, call: Call) -> None:
    for day in range(1, 9):
        history.add(result(f"r{day}", began=f"2026-11-0{day}", before=0.2, seconds=day / 10))

    code, out, _ = call("trend", "--dataset", "small")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "small (postgresql)" in out
    (line,) = [each for each in out.splitlines() if "make_people" in each]
    assert "▁" in line
    assert "█" in line


def test_a_trend_of_nothing(call: Call) -> None:
    code, out, err = call("trend", "--step", "nothing")
    assert (code, out) == (1, "no run has measured that\n")
    assert "has no run yet" in err


def test_a_mistyped_dataset_is_told_which_there_are(history: History, call: Call) -> None:
    history.add(result())
    code, _, err = call("trend", "--dataset", "smal")
    assert (code, err) == (1, "hint: runs have measured small\n")


def test_a_mistyped_command_is_told_what_it_may_have_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["trand"]) == 2
    assert "Did you mean 'trend'?" in capsys.readouterr().err


def test_a_fault_of_ours_is_no_verdict(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 says that a change is red."""
    monkeypatch.setattr(History, "series", None)
    code, _, err = call("trend")
    assert code == 2
    assert "TypeError" in err


def test_budgets_are_proposed_and_not_written(history: History, call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "a.sql").write_text("-- PostgreSQL database dump\n")
    said = "[budgets]\nseconds = 0.1\n"
    (folder / "dataset.toml").write_text(said)
    assert call("budgets", str(folder))[0] == 1
    for number in range(20):
        history.add(result(f"r{number}", before=2.0))

    code, out, _ = call("budgets", str(folder))
    assert code == 0
    assert "+seconds = 3" in out
    assert (folder / "dataset.toml").read_text() == said


@pytest.mark.parametrize(
    "said",
    [
        "[budgets]\nseconds = 0.1\n",
        "# ours\n[budgets]\nseconds = 0.1",
        "[budgets]\r\nseconds = 0.1\r\n",
        '[budgets]\nseconds = 0.1\nmake_people = { lock = 9, reason = "large" }\n',
        '[budgets]\nseconds = 0.1\n[budgets.make_people]\nlock = 9\nreason = "large"\n',
    ],
)
def test_a_proposal_can_be_applied_and_read(tmp_path: Path, said: str) -> None:
    (tmp_path / "a.sql").write_text("-- PostgreSQL database dump\n")
    (tmp_path / "dataset.toml").write_bytes(said.encode())
    proposal = Proposal(step="make_people", measure=Measure.SECONDS, limit=3, now=0.1, runs=20)
    diff = as_diff(tmp_path / "dataset.toml", [proposal])
    subprocess.run(
        ["git", "apply", "-p1"], input=diff.encode(), cwd=tmp_path, check=True, timeout=60
    )
    (dataset,) = find_datasets([tmp_path])
    found = dataset.budgets.exceptions["make_people"][Measure.SECONDS]
    assert (found.limit, "large" in str(found.reason)) == (3, "large" in said)


@pytest.fixture
def address(history: History) -> Iterator[str]:
    history.add(result())
    with server_of(history, host="127.0.0.1", port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def fetched(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address) as answer:  # noqa: S310 - our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_runs_are_served(address: str) -> None:
    assert 'href="r1.html"' in fetched(f"{address}/")[1]
    assert "make_people" in fetched(f"{address}/r1.html")[1]


@pytest.mark.parametrize("path", ["/r2.html", "/../state/history.db", "/%2e%2e/x", "/r1.html/"])
def test_nothing_else_is_served(address: str, path: str) -> None:
    assert fetched(f"{address}{path}") == (404, "there is no such run\n")


def test_pages_are_published_and_go_with_their_run(history: History, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    history.add(result("old", began="2020-01-01T00:00:00+00:00"))
    history.add(result("new", began="2999-01-01T00:00:00+00:00"))
    for each in ("old", "new"):
        publish(history, each, pages)

    assert retire(history, pages, days=90) == ("old",)
    assert sorted(each.name for each in pages.iterdir()) == ["index.html", "new.html", "new.json"]
    assert "old.html" in (pages / "index.html").read_text()
    publish(history, "new", pages)
    assert "old.html" not in (pages / "index.html").read_text()


def test_a_disk_that_cannot_be_written_to_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """1 says that a change is red."""
    assert run(["trend", "--state", "/proc/nowhere"]) == 2
    assert "/proc/nowhere" in capsys.readouterr().err


def test_a_fault_of_ours_is_no_verdict_and_shows_no_text(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError(f"a row: {6 * 7}")

    monkeypatch.setattr(History, "series", fail)
    code, _, said = call("trend")
    assert code == 2
    assert "error: a fault of ci: LookupError" in said
    assert "42" not in said


def test_half_a_page_of_a_killed_runner_goes(history: History, tmp_path: Path) -> None:
    old, new = (tmp_path / f".{each}.html.half" for each in ("old", "new"))
    for each in (old, new):
        each.touch()
    os.utime(old, (0, 0))
    retire(history, tmp_path, days=1)
    assert not old.exists()
    assert new.exists()


def test_retention_removes_what_it_says_and_no_more(history: History, tmp_path: Path) -> None:
    for name, day in (("old", "2026-01-01"), ("new", f"{datetime.now(UTC):%Y-%m-%d}")):
        history.add(result(name, began=f"{day}T10:00:00+00:00"))
        publish(history, name, tmp_path)
    for other in ("other.html", "olden.html", "old.html.bak", "logo.png"):
        (tmp_path / other).touch()

    assert retire(history, tmp_path, days=30) == ("old",)
    found = sorted(each.name for each in tmp_path.glob("*.*"))
    kept = ["index.html", "logo.png", "new.html", "new.json", "old.html.bak", "olden.html"]
    assert found == [*kept, "other.html"]
    assert retire(history, tmp_path / "nothing", days=30) == ()
    publish(history, "new", tmp_path / "nothing")
    assert (tmp_path / "nothing" / "index.html").exists()


def test_private_logs_are_kept_as_long_as_results(tmp_path: Path) -> None:
    state = State(folder=tmp_path).make()
    old, new = state.private("old"), state.private("new")
    (old / "log").touch()
    os.utime(old, (0, 0))
    forget_private(state, days=30)
    assert not old.exists()
    assert new.exists()
