import sqlalchemy as sa

from migrator.testing import check_contract, columns_of


def test_root_mb_goes_when_nothing_is_left_in_it(engine: sa.Engine) -> None:
    check_contract(
        engine,
        "drop_instance_root_mb",
        {"instances": [{"uuid": "gone", "root_mb": 0, "deleted": 1}]},
    )

    assert "root_mb" not in columns_of(engine, "instances")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT root_gb FROM instances")) == 0
