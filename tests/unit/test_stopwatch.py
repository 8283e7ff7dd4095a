from __future__ import annotations

import pytest
import sqlalchemy as sa

from migrator.stopwatch import Statement, timed


@pytest.fixture
def engine():
    engine = sa.create_engine("sqlite://")
    yield engine
    engine.dispose()


def test_each_statement_is_told_when_it_ends_without_its_values(engine: sa.Engine) -> None:
    told: list[Statement] = []
    with timed(engine, told.append), engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
        connection.execute(sa.text("INSERT INTO t VALUES (:a)"), {"a": "a secret"})

    assert [each.sql for each in told] == ["CREATE TABLE t (a)", "INSERT INTO t VALUES (?)"]
    assert all(each.seconds >= 0 and not each.failed for each in told)


def test_one_that_fails_is_told_as_well(engine: sa.Engine) -> None:
    told: list[Statement] = []
    with timed(engine, told.append), engine.connect() as connection:
        with pytest.raises(sa.exc.OperationalError):
            connection.exec_driver_sql("SELECT nothing FROM nowhere")
        connection.exec_driver_sql("SELECT 1")

    assert [(each.sql, each.failed) for each in told] == [
        ("SELECT nothing FROM nowhere", True),
        ("SELECT 1", False),
    ]


def test_nothing_is_told_afterwards(engine: sa.Engine) -> None:
    told: list[Statement] = []
    with timed(engine, told.append):
        pass
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")

    assert not told
