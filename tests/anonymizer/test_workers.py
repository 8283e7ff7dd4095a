"""Workers: what they give is what this process would, in order, and where one fails it is said."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from anonymizer.column import Column, Kind, Table, TableName, Tables
from anonymizer.dumps.base import Rows
from anonymizer.dumps.copy import CopyText
from anonymizer.engine import Engine
from anonymizer.errors import AnonymizerError, DumpError
from anonymizer.key import Key
from anonymizer.markup import Decision
from anonymizer.processes import shared_out
from anonymizer.stream import Rewriter, Tally, texts
from anonymizer.workers import ALONE, AT_ONCE, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS = TableName("public", "users")
COLUMN = Column(name="email", kind=Kind.TEXT, decision=Decision(mask="token"), domain="users.email")
TABLES = Tables(tables=(Table(name=USERS, columns=(COLUMN,)),))
ENGINE = Engine(plan=TABLES, key=Key(bytes(32)))
PIECES = 60


def rows(data: bytes, *, line: int = 1) -> Rows:
    return Rows(table=USERS, columns=("email",), data=data, codec=CopyText(), line=line, byte=0)


def pieces(*, bad: int | None = None) -> Iterator[Rows]:
    for number in range(PIECES):
        row = b"a\tb\n" if number == bad else b"%d\n" % number
        yield rows(b"\\N\n" + row * 2000, line=number)


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(Rewriter(ENGINE))
    while not made.is_free:
        time.sleep(0.01)
    yield made
    made.dismiss()


def test_a_worker_rewrites_as_this_process_does(worker: Worker) -> None:
    given = list(pieces())[:AT_ONCE]
    for each in given:
        assert worker.is_free
        worker.give(each)
    assert not worker.is_free
    for each in given:
        answer = worker.take()
        assert not isinstance(answer, Exception)
        text, counts = Rewriter(ENGINE)(each)
        assert (bytes(answer[0]), answer[1]) == (bytes(text), counts)


def test_a_worker_says_what_is_wrong_and_goes_on(worker: Worker) -> None:
    worker.give(rows(b"a\tb\n", line=7))
    worker.give(rows(b"a\n"))
    error = worker.take()
    assert isinstance(error, DumpError)
    assert (error.table, error.line) == ("public.users", 7)
    assert not isinstance(worker.take(), Exception)


def ask(worker: Worker) -> None:
    worker.give(rows(b"a\n" * (1 << 20)))
    worker.take()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_is_killed_is_told(worker: Worker, when: str) -> None:
    if when == "after":
        worker.give(rows(b"a\n" * (1 << 20)))
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(AnonymizerError, match=r"ended by itself, with -9") as caught:
        ask(worker)
    assert "--jobs" in (caught.value.hint or "")


def awaiting(hired: list[Worker], count: int) -> Iterator[Rows]:
    """Yield pieces; those after the first few when *count* workers are there."""
    for number, each in enumerate(pieces()):
        while number > ALONE and len(hired) < count:
            time.sleep(0.01)
        while number == ALONE + 1 and not all(worker.is_free for worker in hired):
            time.sleep(0.01)
        yield each


@pytest.mark.parametrize("jobs", [2, 3])
def test_the_text_does_not_depend_on_the_number_of_jobs(
    jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hired: list[Worker] = []
    given: dict[int, int] = {}
    make, give = Worker.__init__, Worker.give

    def noted(worker: Worker, rewrite: Rewriter) -> None:
        make(worker, rewrite)
        hired.append(worker)

    def counted(worker: Worker, rows: Rows) -> None:
        given[worker.pid or 0] = given.get(worker.pid or 0, 0) + 1
        give(worker, rows)

    monkeypatch.setattr(Worker, "__init__", noted)
    monkeypatch.setattr(Worker, "give", counted)
    alone, shared = Tally(), Tally()
    text = b"".join(texts(pieces(), ENGINE, alone))
    assert b"".join(texts(awaiting(hired, jobs - 1), ENGINE, shared, jobs=jobs)) == text
    assert shared == alone
    assert alone.columns[USERS]["email"].nulls == PIECES
    assert len(given) == jobs - 1
    assert sum(given.values()) < PIECES


@pytest.mark.parametrize("bad", [0, ALONE + 1, PIECES - 1])
def test_all_that_comes_before_an_error_is_written(bad: int) -> None:
    tally = Tally()
    with pytest.raises(DumpError, match=f"line {bad + 1}, byte 3: a row of 2 fields"):
        list(texts(pieces(bad=bad), ENGINE, tally, jobs=2))
    assert tally.columns.get(USERS, {}).get("email") is not None or not bad
    assert tally.written > 0 or not bad


def doubled(number: int) -> int:
    time.sleep(0.01)
    if number < 0:
        raise DumpError("too small")
    return 2 * number


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_work_is_shared_out_and_comes_back_in_order(jobs: int) -> None:
    assert shared_out(doubled, range(20), jobs=jobs) == [2 * each for each in range(20)]
    with pytest.raises(DumpError, match="too small"):
        shared_out(doubled, [*range(9), -1, *range(9)], jobs=jobs)


def slept(seconds: int) -> None:
    if seconds < 0:
        raise DumpError("too small")
    time.sleep(seconds)


def test_what_others_do_is_ended_when_one_fails() -> None:
    begun = time.monotonic()
    with pytest.raises(DumpError, match="too small"):
        shared_out(slept, [100, -1], jobs=2)
    assert time.monotonic() - begun < 60
