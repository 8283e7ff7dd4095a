from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.databases import Places, open_database
from ci.errors import SetupError
from ci.timing import Engine
from tests.ci import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.databases.base import Access, Database
    from ci.datasets.dataset import Dataset


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with served.places() as made:
        yield made


@pytest.fixture(scope="module", params=list(Engine))
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return served.shop(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def database(data: Dataset, places: Places) -> Iterator[Database]:
    with open_database(data, places) as opened:
        opened.restore(data)
        opened.keep("first")
        yield opened


def ask(access: Access, statement: str) -> list[object]:
    engine = sa.create_engine(access.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [row[0] for row in result] if result.returns_rows else []


def test_a_dataset_is_restored(database: Database) -> None:
    assert ask(database.migrating(), "SELECT count(*) FROM orders") == [1000]
    assert ask(database.probing(), "SELECT name FROM customers WHERE id = 7") == ["customer 7"]


def test_a_reset_brings_back_the_kept_state(database: Database) -> None:
    before = database.schema()
    ask(database.migrating(), "ALTER TABLE orders ADD COLUMN more INT")
    ask(database.migrating(), "DELETE FROM orders")
    assert database.schema() != before

    database.reset("first")
    assert database.schema() == before
    assert ask(database.migrating(), "SELECT count(*) FROM orders") == [1000]


def test_what_is_kept_is_there_for_the_next_run(
    database: Database, data: Dataset, places: Places
) -> None:
    with open_database(data, places) as next_run:
        assert next_run.kept() == {"first"}
        next_run.reset("first")
        assert ask(next_run.migrating(), "SELECT count(*) FROM orders") == [1000]
        assert next_run.schema() == database.schema()


@pytest.mark.usefixtures("database")
def test_a_restored_dataset_is_not_restored_again(data: Dataset, places: Places) -> None:
    data.dump.rename(data.dump.with_suffix(".away"))
    with open_database(data, places) as again:
        again.restore(data)
        assert ask(again.migrating(), "SELECT count(*) FROM orders") == [1000]
    data.dump.with_suffix(".away").rename(data.dump)


def test_a_state_that_was_not_kept_says_so(database: Database) -> None:
    with pytest.raises(SetupError, match="not kept any more"):
        database.reset("never")
    database.reset("first")


def test_cooling_changes_nothing(database: Database) -> None:
    before = database.schema(), database.sizes()
    database.cool()
    assert (database.schema(), database.sizes()) == before


def test_schema_says_all_that_matters(database: Database) -> None:
    words = " ".join(database.schema()["orders"] + database.schema()["customers"])
    assert list(database.schema()) == ["customers", "orders"]
    for word in ("customer_id", "NOT NULL", "DEFAULT 'it''s'", "REFERENCES", "PRIMARY KEY"):
        assert word in words


def test_sizes_grow(database: Database) -> None:
    database.reset("first")
    rows, table, index = database.sizes()["orders"]
    ask(database.migrating(), "CREATE INDEX more ON orders (sum, customer_id, id)")
    assert 900 <= rows <= 1100
    assert database.sizes()["orders"][1] == table > 0
    assert database.sizes()["orders"][2] > index
    database.reset("first")


def test_sessions_of_the_code_under_test_end(database: Database) -> None:
    if database.engine is Engine.SQLITE:
        return  # has none: a session is a process
    engine = sa.create_engine(database.migrating().url)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "LOCK TABLES orders WRITE" if "maria" in database.engine else "LOCK TABLE orders"
        )
        database.end_sessions()
        ask(database.migrating(), "ALTER TABLE orders ADD COLUMN late INT")
        with pytest.raises(sa.exc.DBAPIError):
            connection.exec_driver_sql("SELECT 1")
        connection.invalidate()
    engine.dispose()
    database.reset("first")
