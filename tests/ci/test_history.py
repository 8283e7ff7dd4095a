from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.datasets.dataset import Budget, Budgets, Dataset, Measure
from ci.errors import CiError, ToolError
from ci.history import History
from ci.learn import as_diff, propose
from ci.order import Order
from ci.resume import done, keep
from ci.state import State
from ci.timing import Engine
from tests.ci.results import result

if TYPE_CHECKING:
    from collections.abc import Iterator


ORDER = Order(
    run="r1",
    project="cloud",
    source="nowhere",
    base="a" * 40,
    head="b" * 40,
    dataset="small",
    settings=b"",
)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "state" / "history.db") as opened:
        yield opened


def test_what_is_added_is_found(history: History) -> None:
    history.add(result())
    assert history.results("r1") == (result(),)
    assert history.runs(project="cloud") == ["r1"]
    assert history.runs(project="other") == []


def test_a_result_that_comes_twice_is_there_once(history: History) -> None:
    history.add(result())
    history.add(result(seconds=0.7))

    (found,) = history.results("r1")
    assert found.change
    assert found.change.timings[0].seconds == 0.7
    (series,) = history.series(name="make_people")
    assert [each.value for each in series.points if each.tree == "change"] == [0.7]


def test_a_series_is_in_the_order_of_time(history: History) -> None:
    for day in (3, 1, 2):
        began = f"2026-11-0{day}T10:00:00+00:00"
        history.add(result(f"r{day}", began=began, seconds=float(day)))

    (series,) = history.series(dataset="small", name="make_people")
    values = [each.value for each in series.points if each.tree == "change"]
    assert values == [1.0, 2.0, 3.0]
    assert history.runs(limit=2) == ["r3", "r2"]


def test_all_that_is_measured_has_a_series(history: History) -> None:
    history.add(result())
    for measure, value in (
        (Measure.STALL, 0.4),
        (Measure.LOCK, 0.4),
        (Measure.ROWS_WRITTEN, 10),
        (Measure.GROWTH, 8192),
    ):
        found = history.series(name="name_people", measure=measure)
        assert [each.points[0].value for each in found] == [value]


def test_what_is_cold_is_not_compared_over_runs_either(history: History) -> None:
    good = result(seconds=0.5)
    assert good.change
    cold = replace(good.change.timings[0], seconds=9.0, warm=False)
    timings = (cold, *good.change.timings)
    history.add(replace(good, change=replace(good.change, timings=timings[:2])))
    (series,) = history.series(name="make_people")
    assert {each.value for each in series.points if each.tree == "change"} == {0.5}


def test_what_is_old_is_forgotten_with_its_figures(history: History) -> None:
    history.add(result("old", began="2026-01-01T00:00:00+00:00"))
    history.add(result("new", began="2026-11-01T00:00:00+00:00"))

    assert history.forget(datetime(2026, 6, 1, tzinfo=UTC)) == ("old",)
    assert history.runs() == ["new"]
    assert {point.run for each in history.series() for point in each.points} == {"new"}


def test_a_history_of_another_format_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "h.db")) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(CiError, match="has format 9, expected 1"):
        History(tmp_path / "h.db")


def test_a_history_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    with History(tmp_path / "h.db") as history:
        with closing(sqlite3.connect(tmp_path / "h.db")) as connection:
            connection.execute("DROP TABLE figures")
        with pytest.raises(CiError, match="cannot be read or written"):
            history.add(result())


def small(limit: float) -> Dataset:
    seconds = {Measure.SECONDS: Budget(measure=Measure.SECONDS, limit=limit)}
    return Dataset(
        name="small",
        folder=Path("small"),
        dump=Path("small/a.sql"),
        engine=Engine.POSTGRESQL,
        digest="0",
        budgets=Budgets(default=seconds),
    )


def filled(history: History, runs: int) -> None:
    """Add runs in which the target branch took 1 s, and one in twenty a minute."""
    for number in range(runs):
        before = 60.0 if number % 20 == 7 else 1.0
        began = f"2026-11-01T10:{number:02}:00+00:00"
        history.add(result(f"r{number}", began=began, before=before, seconds=99))


def test_a_budget_is_learnt_from_enough_runs_only(history: History) -> None:
    filled(history, 19)
    assert not list(propose(small(0.5), history.series()))

    filled(history, 40)
    (proposal,) = propose(small(0.5), history.series())
    assert (proposal.step, proposal.limit, proposal.runs) == ("make_people", 2.0, 40)


def test_a_step_within_its_budget_keeps_it(history: History) -> None:
    filled(history, 40)
    assert not list(propose(small(60), history.series()))


def test_a_proposal_is_a_diff_that_keeps_what_people_wrote(
    history: History, tmp_path: Path
) -> None:
    path = tmp_path / "dataset.toml"
    said = "# Given by an operator.\nscale = 10\n\n[budgets]\nseconds = 0.5  # for all\n"
    path.write_text(said)
    filled(history, 40)

    diff = as_diff(path, propose(small(0.5), history.series()))
    assert path.read_text() == said
    assert not [line for line in diff.splitlines() if line.startswith("-") and line[1:2] != "-"]
    assert "+[budgets.make_people]" in diff
    assert "+seconds = 2" in diff
    assert "# was 500 ms" in diff


def test_runners_may_begin_a_history_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as runners:
        for number in range(10):
            paths = [tmp_path / str(number) / "history.db"] * 8
            for each in runners.map(History, paths):
                each.__exit__()


def test_projects_with_datasets_of_one_name_are_told_apart(history: History) -> None:
    history.add(result())
    history.add(replace(result("r2"), project="other"))

    found = history.series(project="cloud", name="make_people")
    assert {point.run for each in found for point in each.points} == {"r1"}


def test_a_history_of_a_newer_ci_says_so(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "h.db")) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(ToolError) as caught:
        History(tmp_path / "h.db")
    assert caught.value.hint == "it is of a newer ci: use that, or another --state"


@pytest.mark.parametrize("kept", [0, 3000, 20_000])
def test_a_damaged_history_is_an_error_and_not_a_traceback(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "h.db"
    with History(path) as opened:
        for number in range(30):
            opened.add(result(f"r{number}"))
    whole = path.read_bytes()
    path.write_bytes(whole[:kept] + b"x" * (len(whole) - kept))

    with pytest.raises(ToolError, match=r"is damaged$") as caught:
        use(path)
    assert caught.value.hint
    assert "move it away" in caught.value.hint


def use(path: Path) -> None:
    with History(path) as opened:
        for name in opened.runs():
            opened.results(name)
        opened.add(result("r0"))


def test_a_history_that_another_process_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci.history.BUSY_SECONDS", 0.1)
    path = tmp_path / "h.db"
    with History(path) as opened, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ToolError, match="is locked by another process"):
            opened.add(result())
        assert opened.results("r1") == ()
        other.rollback()
        opened.add(result())
        assert opened.results("r1") == (result(),)


def test_what_an_earlier_try_has_found_is_told_from_all_else(tmp_path: Path) -> None:
    state = State(folder=tmp_path).make()
    found, other = result(), result(seconds=0.7)
    with History(state.history) as opened:
        assert done(ORDER, opened, state) is None
        keep(found, ORDER, opened, state)
        assert done(ORDER, opened, state) == found
        assert done(replace(ORDER, head="c" * 40), opened, state) is None
        opened.add(other)  # of somebody else, or of a try whose mark was lost
        assert done(ORDER, opened, state) is None


def test_a_crash_before_the_history_is_written_keeps_no_result(tmp_path: Path) -> None:
    state = State(folder=tmp_path).make()
    with History(state.history) as opened:
        keep(result(), ORDER, opened, state)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(opened, "add", lambda _: None)
            keep(result(seconds=0.7), ORDER, opened, state)
        assert done(ORDER, opened, state) is None
