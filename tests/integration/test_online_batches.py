"""Batches on real databases: what is moved, in which order, how many rows at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator import python, worker
from migrator.errors import TransitionError
from migrator.online import Options, Started, migrate
from migrator.worker import Batch
from tests.moving import (
    FLAVORS,
    IN_SQL,
    KINDS,
    RENAMED,
    SKIPPING,
    filled,
    insert,
    leases,
    move_counted,
    moved_once,
    named,
    rows,
    run,
)

if TYPE_CHECKING:
    from migrator.online import Event
    from tests.databases import Database

EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def completed(events: list[Event]) -> list[int]:
    return [each.completed for each in events if isinstance(each, Batch)]


@EVERY_KIND
@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_every_row_is_moved_once(database: Database, kind: Any, batch_size: int) -> None:
    engine = filled(database, 20)

    outcome = run(engine, kind, batch_size=batch_size)

    assert rows(engine) == moved_once(20)
    assert (outcome.completed, outcome.needed, outcome.movable) == (20, 20, 0)
    assert leases(engine) == ()


@EVERY_KIND
def test_an_empty_table_is_done(database: Database, kind: Any) -> None:
    assert run(filled(database), kind).needed == 0


@EVERY_KIND
def test_a_second_run_finds_nothing(database: Database, kind: Any) -> None:
    engine = filled(database, 5)
    run(engine, kind)
    events: list[Event] = []

    outcome = run(engine, kind, events=events)

    assert (outcome.needed, completed(events)) == (0, [])
    assert rows(engine) == moved_once(5)


def test_null_and_nothing_are_values(database: Database) -> None:
    engine = filled(database)
    insert(engine, [{"id": 1, "memory_mb": 0}, {"id": 2, "memory_mb": None, "foobars": 0}])

    run(engine)

    assert rows(engine) == [(1, None, 0, 1), (2, None, 0, 0)]


@EVERY_KIND
@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_count_is_kept_to(database: Database, kind: Any, batch_size: int | None) -> None:
    engine = filled(database, 10)

    done = [run(engine, kind, max_count=4, batch_size=batch_size).completed for _ in range(4)]

    assert done == [4, 4, 2, 0]
    assert rows(engine) == moved_once(10)


def test_a_count_is_over_all_transitions(database: Database) -> None:
    engine = filled(database, 10)
    other = named(SKIPPING, "other")

    outcomes = migrate(engine, [IN_SQL, other], Options(max_count=6))

    assert [each.completed for each in outcomes] == [6, 0]
    assert [each.movable for each in outcomes] == [4, 4]


def test_what_a_count_leaves_of_a_lease_is_given_back(database: Database) -> None:
    engine = filled(database, 20)
    run(engine, max_count=3, batch_size=10)
    insert(engine, [{"id": each, "memory_mb": each} for each in (-1, 0)])

    assert run(engine, max_count=1).completed == 1
    assert {lease.owner for lease in leases(engine)} <= {""}


@EVERY_KIND
def test_skipped_rows_hide_nothing(database: Database, kind: Any) -> None:
    engine = filled(database)
    insert(engine, [{"id": each, "memory_mb": each, "task": "busy"} for each in range(8)])
    insert(engine, [{"id": each, "memory_mb": each} for each in range(8, 12)])
    skipping = replace(kind, skip=lambda row: row.task.is_not(None))

    outcome = run(engine, skipping, max_count=5, batch_size=2)

    assert (outcome.completed, outcome.skipped, outcome.movable) == (4, 8, 0)


def test_skipped_rows_are_moved_when_they_are_through(database: Database) -> None:
    engine = filled(database, 3)
    with engine.begin() as connection:
        connection.execute(sa.update(FLAVORS).where(FLAVORS.c.id == 1).values(task="busy"))
    assert run(engine, SKIPPING).skipped == 1

    with engine.begin() as connection:
        connection.execute(sa.update(FLAVORS).values(task=None))

    assert run(engine, SKIPPING).completed == 1
    assert rows(engine) == moved_once(3)


def test_rows_behind_the_cursor_are_found(database: Database) -> None:
    engine = filled(database, 5)
    late = iter([{"id": -2, "memory_mb": 0}])

    def see(event: Event) -> None:
        if isinstance(event, Batch):
            insert(engine, islice(late, 1))

    (outcome,) = migrate(engine, [IN_SQL], Options(batch_size=2), on_event=see)

    assert (outcome.completed, outcome.movable) == (6, 0)
    assert rows(engine)[0] == (-2, None, 0, 1)


def test_a_row_that_old_code_writes_again_is_moved_again(database: Database) -> None:
    engine = filled(database, 3)
    run(engine)
    with engine.begin() as connection:
        connection.execute(sa.update(FLAVORS).where(FLAVORS.c.id == 2).values(memory_mb=77))

    assert run(engine).completed == 1
    assert rows(engine)[1] == (2, None, 77, 2)


def test_a_table_that_is_filled_as_fast_as_it_is_emptied_is_left(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LARGEST_PASSES", 3)
    engine = filled(database, 2)

    def fill_again(event: Event) -> None:
        if isinstance(event, Batch):
            with engine.begin() as connection:
                connection.execute(sa.update(FLAVORS).values(memory_mb=1))

    (outcome,) = migrate(engine, [IN_SQL], on_event=fill_again)

    assert (outcome.completed, outcome.movable) == (8, 2)


# The size of batches.


@pytest.mark.parametrize(("target", "second"), [(1000.0, 160), (0.000001, 20)])
def test_batches_adapt_to_the_time_they_take(
    database: Database, monkeypatch: pytest.MonkeyPatch, target: float, second: int
) -> None:
    monkeypatch.setattr(worker, "TARGET_SECONDS", target)
    monkeypatch.setattr(worker, "FIRST_BATCH_SIZE", 40)
    monkeypatch.setattr(worker, "LARGEST_GROWTH", 4.0)
    engine = filled(database, 400)
    events: list[Event] = []

    run(engine, RENAMED, events=events)

    assert completed(events)[:2] == [40, second]


def test_the_size_is_remembered(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TARGET_SECONDS", 0.000001)
    monkeypatch.setattr(worker, "FIRST_BATCH_SIZE", 40)
    engine = filled(database, 400)
    run(engine, RENAMED, max_count=200)
    events: list[Event] = []

    run(engine, RENAMED, max_count=100, events=events)

    assert completed(events)[0] < 40


def test_a_size_that_was_given_is_kept_to_and_not_remembered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_BATCH_SIZE", 4)
    engine = filled(database, 30)
    events: list[Event] = []

    run(engine, RENAMED, batch_size=3, max_count=20, events=events)
    assert completed(events) == [3, 3, 3, 3, 3, 3, 2]
    events.clear()
    run(engine, RENAMED, events=events)

    assert completed(events)[0] == 4


def test_the_movable_rows_are_counted_first_if_asked_for(database: Database) -> None:
    engine = filled(database, 3)
    events: list[Event] = []

    run(engine, count_first=True, events=events)

    assert events[0] == Started(transition="flavor_foobars", table="flavors", movable=3)


# What cannot be run.


@pytest.mark.parametrize(
    ("columns", "key", "message"),
    [
        (None, (), "there is no table 'flavors'"),
        ("memory_mb INTEGER, foobars INTEGER", (), "has no primary key"),
        ("id INTEGER PRIMARY KEY, memory_mb INTEGER", (), "has no column 'foobars'"),
        (
            "id INTEGER PRIMARY KEY, n INTEGER, memory_mb INTEGER, foobars INTEGER",
            ("n",),
            "key column 'n' may be NULL",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    database: Database, columns: str | None, key: tuple[str, ...], message: str
) -> None:
    engine = database.engine()
    if columns:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE flavors ({columns})")

    with pytest.raises(TransitionError, match=message) as refused:
        run(engine, replace(RENAMED, key=key))

    assert refused.value.hint


@pytest.mark.parametrize("missing", [lambda row: row.gone > 0, lambda row: row["gone"] > 0])
def test_a_form_of_its_own_that_asks_for_a_missing_column_is_refused(
    database: Database, missing: Any
) -> None:
    asking = named(python("flavors", pending=missing, move=move_counted))

    with pytest.raises(TransitionError, match="no column 'gone'") as refused:
        run(filled(database, 1), asking)

    assert refused.value.hint


def test_one_that_cannot_go_on_does_not_keep_the_next_from_it(database: Database) -> None:
    engine = filled(database, 2)
    broken = replace(RENAMED, name="broken", table="no_such_table")

    outcomes = migrate(engine, [broken, IN_SQL], Options(keep_going=True))

    assert isinstance(outcomes[0].error, TransitionError)
    assert outcomes[1].completed == 2
