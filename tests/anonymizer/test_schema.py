"""The schema of a database: its tables, columns, types and keys, read from its catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from anonymizer import mask, public
from anonymizer.check import check
from anonymizer.column import TableName
from anonymizer.models import Models
from anonymizer.plan import make_plan
from anonymizer.plan.kinds import facts_of_name
from anonymizer.schema import Schema, read_schema
from cloud import liberty
from tests.anonymizer import little

if TYPE_CHECKING:
    from tests.databases import Database


def read(engine: sa.Engine) -> Schema:
    with engine.connect() as connection:
        return read_schema(connection)


def metadata() -> sa.MetaData:
    made = sa.MetaData()
    sa.Table(
        "Us ers",
        made,
        sa.Column("id", sa.BigInteger, primary_key=True, info=mask.integer()),
        sa.Column("E-Mail", sa.String(120), unique=True, info=mask.email()),
        sa.Column("name", sa.String(40), info=mask.name()),
        sa.Column("loud", sa.String(40), sa.Computed("upper(name)", persisted=True)),
        sa.Column("is_old", sa.Boolean, info=public("a switch")),
        sa.Column("seen_at", sa.DateTime, info=mask.date_time()),
        sa.Column("score", sa.Numeric(8, 2), info=mask.noise()),
        sa.Column("data", sa.LargeBinary, info=mask.null()),
        sa.Index("both", "name", "is_old", unique=True),
    )
    return made


def test_what_models_create_is_what_the_database_has(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    little.install(monkeypatch)
    source = metadata()
    source.create_all(engine)
    found = check(source, schema=read(engine))

    assert [each for each in found if each.rule == "data"] == []


def test_the_reference_application_is_found(engine: sa.Engine) -> None:
    liberty.Base.metadata.create_all(engine)
    found = read(engine)
    names = {each.name: columns for each, columns in found.tables.items()}

    assert set(names) == set(liberty.Base.metadata.tables)
    table = liberty.Base.metadata.tables["instances"]
    for column in table.columns:
        written = names["instances"][column.name]
        assert facts_of_name(written or "").kind.value != "other", written


def test_keys_and_generated_columns_are_read(engine: sa.Engine) -> None:
    metadata().create_all(engine)
    found = read(engine)
    (name,) = found.tables

    assert found.keys[name][0] == ("id",)
    assert set(found.keys[name][1:]) == {("E-Mail",), ("name", "is_old")}
    assert found.generated.get(name) == frozenset({"loud"})


def test_a_table_that_nobody_decided_on_has_its_keys_from_the_database(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    little.install(monkeypatch)
    metadata().create_all(engine)
    found = check(sa.MetaData(), schema=read(engine))

    assert len(found) == 1
    assert "email" in (found[0].paste or "")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_parts_of_tables_and_other_schemas(database: Database) -> None:
    engine = database.engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA app")
        connection.exec_driver_sql("CREATE TABLE log (id int, at date) PARTITION BY RANGE (at)")
        connection.exec_driver_sql(
            "CREATE TABLE app.log_1 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO"
            " ('2027-01-01')"
        )
    found = read(engine)
    part = TableName("app", "log_1")

    assert found.partitions == {part: TableName("public", "log")}
    source = sa.MetaData()
    sa.Table(
        "log",
        source,
        sa.Column("id", sa.Integer, info=mask.integer()),
        sa.Column("at", sa.Date, info=public("a day")),
    )
    assert make_plan(source, schema=found).find(part) is not None
    assert [each for each in check(source, schema=found) if each.rule == "data"] == []
    assert Models.of(source).tables
