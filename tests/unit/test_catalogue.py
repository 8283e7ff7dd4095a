"""The catalogue, before and after: what is lost, what is gained, what is present."""

import pytest
import sqlalchemy as sa

from migrator.catalogue import Catalogue, Key, present, snapshot
from migrator.dialects import dialect_named
from migrator.sql import Effect

SQLITE = dialect_named("sqlite")


@pytest.fixture
def connection():
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE flavors (id INTEGER PRIMARY KEY, memory_mb INT)")
        connection.exec_driver_sql("CREATE INDEX by_memory ON flavors (memory_mb)")
        yield connection
    engine.dispose()


def change(
    connection: sa.Connection, *statements: str, tables: list[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    before = snapshot(connection, SQLITE, tables)
    for statement in statements:
        connection.exec_driver_sql(statement)
    after = snapshot(connection, SQLITE, tables)
    return before.lost_in(after), before.gained_in(after)


def test_an_added_column_loses_nothing(connection):
    lost, gained = change(connection, "ALTER TABLE flavors ADD COLUMN foobars INT DEFAULT 5")
    assert (lost, gained) == ((), ("column flavors.foobars",))


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("DROP INDEX by_memory", {"index flavors.by_memory is gone"}),
        (
            "ALTER TABLE flavors RENAME COLUMN memory_mb TO m",
            {
                "column flavors.memory_mb is gone",
                "table flavors is changed",
                "index flavors.by_memory is changed",
            },
        ),
        (
            "DROP TABLE flavors",
            {
                "table flavors is gone",
                "index flavors.by_memory is gone",
                "column flavors.id is gone",
                "column flavors.memory_mb is gone",
            },
        ),
    ],
)
def test_what_goes_is_named(connection, statement, lost):
    assert set(change(connection, statement)[0]) == lost


def test_a_rebuilt_table_with_another_column_type_is_changed(connection):
    lost, _ = change(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, memory_mb TEXT)",
        "DROP TABLE flavors",
        "ALTER TABLE t RENAME TO flavors",
    )
    assert "column flavors.memory_mb is changed" in lost


def test_only_the_named_tables_are_read(connection):
    connection.exec_driver_sql("CREATE TABLE other (id INTEGER PRIMARY KEY)")
    names = {key.table or key.name for key in snapshot(connection, SQLITE, ["other"]).definitions}
    assert names == {"other"}
    assert snapshot(connection, SQLITE, []).definitions == {}


def test_the_text_of_a_table_grows_by_whole_columns_only():
    key = Key("table", None, None, "t")
    before = Catalogue(definitions={key: "CREATE TABLE t (a INT)"})
    for text, kept in [
        ("CREATE TABLE t (a INT, b INT)", True),
        ("CREATE TABLE t (a INT NOT NULL)", False),
        ("CREATE TABLE t (a INT) STRICT", False),
        ("CREATE TABLE t (b INT)", False),
    ]:
        assert (before.lost_in(Catalogue(definitions={key: text})) == ()) is kept


@pytest.mark.parametrize(
    ("effect", "answer"),
    [
        (Effect(verb="add", thing="column", table="flavors", name="memory_mb"), True),
        (Effect(verb="add", thing="column", table="FLAVORS", name="Memory_MB"), True),
        (Effect(verb="add", thing="column", table="flavors", name="foobars"), False),
        (Effect(verb="drop", thing="column", table="flavors", name="memory_mb"), False),
        (Effect(verb="drop", thing="column", table="flavors", name="foobars"), True),
        (Effect(verb="add", thing="table", name="flavors"), True),
        (Effect(verb="rename", thing="table", name="flavours", to="flavors"), True),
        (Effect(verb="rename", thing="table", name="flavors", to="flavours"), False),
        (Effect(verb="add", thing="index", table="flavors", name=None), None),
        (Effect(verb="alter", thing="column", table="flavors", name="memory_mb"), None),
    ],
)
def test_an_effect_is_found_in_the_catalogue(connection, effect, answer):
    assert present(effect, snapshot(connection, SQLITE)) is answer
