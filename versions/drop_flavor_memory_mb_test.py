import sqlalchemy as sa

from migrator.testing import check_contract, columns_of


def test_memory_mb_goes_when_nothing_is_left_in_it(engine: sa.Engine) -> None:
    check_contract(engine, "drop_flavor_memory_mb", {"flavors": [{"memory_mb": 0}]})

    assert "memory_mb" not in columns_of(engine, "flavors")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT foobars FROM flavors")) == 0
