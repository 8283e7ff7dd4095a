import sqlalchemy as sa

from cloud import juno
from migrator.testing import columns_of, walk_to


def test_the_models_of_juno_fit(engine: sa.Engine) -> None:
    walk_to(engine, "create_cloud")

    for model in (juno.Flavor, juno.Instance, juno.SystemMetadata, juno.Service):
        mapped = model.__table__
        assert columns_of(engine, model.__tablename__) == [column.name for column in mapped.c]


def test_a_service_needs_no_topic(engine: sa.Engine) -> None:
    walk_to(engine, "create_cloud")

    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO services (host) VALUES ('a')"))
        assert connection.scalar(sa.text("SELECT topic FROM services")) == ""
