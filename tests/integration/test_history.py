"""The history: tables that are made once, rows that say what was done, moments in UTC."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator import checkpoint, history
from migrator.database import open_engine
from migrator.history import HISTORY, HistoryRecord, digest
from migrator.migration import Migration, Phase

if TYPE_CHECKING:
    from migrator.plan import Applied
    from tests.databases import Database

MIGRATION = Migration(number=2, name="add_foobars", phase=Phase.EXPAND, hash="a" * 64)
STATEMENTS = ("ALTER TABLE a ADD x INTEGER", "ALTER TABLE a ADD y INTEGER")
STARTED = datetime(2026, 7, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))
RECORD = HistoryRecord(migration=MIGRATION, statements=STATEMENTS, started_at=STARTED)


def only(connection: sa.Connection) -> Applied:
    (row,) = history.read(connection)
    return row


def test_without_tables_nothing_is_applied(database: Database) -> None:
    with open_engine(database.url).connect() as connection:
        assert history.read(connection) == ()


def test_tables_are_made_once(database: Database) -> None:
    engine = open_engine(database.url)

    for _ in range(2):
        with engine.begin() as connection:
            history.ensure(connection)

    assert HISTORY.name in sa.inspect(engine).get_table_names()


def test_two_may_make_the_tables_at_the_same_moment(database: Database) -> None:
    assert checkpoint.LEASE.indexes
    engine = open_engine(database.url)
    failed: list[Exception] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        try:
            with engine.begin() as connection:
                history.ensure(connection)
        except sa.exc.SQLAlchemyError as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_a_row_remembers_all_of_a_migration(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        RECORD.record(connection)
        row = only(connection)

    assert (row.version, row.name, row.hash) == (2, "add_foobars", "a" * 64)
    assert (row.phase, row.state, row.complete) == ("expand", "applied", True)
    assert (row.statement, row.digest, row.intent) == (2, digest(STATEMENTS), None)


def test_moments_are_kept_in_utc(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        RECORD.record(connection)
        row = only(connection)

    assert row.started_at == STARTED
    assert row.started_at.utcoffset() == timedelta(0)
    assert row.applied_at is not None
    assert abs(row.applied_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_an_intent_says_what_is_on_its_way(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        assert RECORD.done(connection) is None
        RECORD.intend(connection, 0, STATEMENTS[0])
        first = only(connection)
        RECORD.intend(connection, 1, STATEMENTS[1])
        second = only(connection)

    assert (first.complete, first.statement, first.intent) == (False, 0, digest(STATEMENTS[:1]))
    assert (second.statement, second.digest) == (1, digest(STATEMENTS[:1]))
    assert second.intent == digest(STATEMENTS[1:])


def test_done_clears_the_intent(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        RECORD.intend(connection, 0, STATEMENTS[0])
        RECORD.did(connection, 0)

        assert RECORD.done(connection) == 1
        assert only(connection).intent is None


def test_a_refused_first_statement_leaves_no_row(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        RECORD.intend(connection, 0, STATEMENTS[0])
        RECORD.stopped(connection, 0)

        assert history.read(connection) == ()


def test_a_refused_second_statement_leaves_the_first(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        RECORD.intend(connection, 1, STATEMENTS[1])
        RECORD.stopped(connection, 1)
        row = only(connection)

    assert (row.statement, row.intent, row.complete) == (1, None, False)


def test_what_was_begun_is_finished_in_its_row(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        RECORD.intend(connection, 1, STATEMENTS[1])
        RECORD.applied(connection, "abandoned flavors.memory_mb: nobody reads it")
        row = only(connection)

    assert (row.state, row.statement, row.intent) == ("applied", 2, None)
    assert row.note == "abandoned flavors.memory_mb: nobody reads it"


def test_accepting_keeps_what_was_applied_in_the_note(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        RECORD.record(connection)
        for letter in "bc":
            history.accept(connection, only(connection), name="add_bars", hash=letter * 64)
        row = only(connection)

    assert (row.name, row.hash) == ("add_bars", "c" * 64)
    assert row.note is not None
    assert f"was add_foobars {'a' * 64}" in row.note
    assert f"was add_bars {'b' * 64}" in row.note


def test_rows_come_by_number(database: Database) -> None:
    with open_engine(database.url).begin() as connection:
        history.ensure(connection)
        for number in (3, 1, 2):
            replace(RECORD, migration=replace(MIGRATION, number=number)).record(connection)

        assert [each.version for each in history.read(connection)] == [1, 2, 3]
