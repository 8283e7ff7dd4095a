import sqlalchemy as sa

from migrator.testing import check_contract, columns_of


def test_topic_goes_when_nothing_is_left_in_it(engine: sa.Engine) -> None:
    check_contract(engine, "drop_service_topic", {"services": [{"topic": ""}]})

    assert "topic" not in columns_of(engine, "services")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT queue FROM services")) == ""
