import sqlalchemy as sa

from migrator.testing import columns_of, walk_to


def test_the_marker_goes_and_the_queue_stays(engine: sa.Engine) -> None:
    walk_to(engine, "drop_service_topic")
    with engine.begin() as connection:
        insert = "INSERT INTO services (queue, queue_counts) VALUES ('', 1)"
        connection.execute(sa.text(insert))

    walk_to(engine, "drop_service_queue_counts")

    assert "queue_counts" not in columns_of(engine, "services")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT queue FROM services")) == ""
