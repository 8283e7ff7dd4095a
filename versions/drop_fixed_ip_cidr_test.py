import sqlalchemy as sa

from migrator.testing import check_contract, columns_of


def test_cidr_goes_when_nothing_is_left_in_it(engine: sa.Engine) -> None:
    check_contract(engine, "drop_fixed_ip_cidr", {"fixed_ips": [{"cidr": "10.0.0.7/0"}]})

    assert "cidr" not in columns_of(engine, "fixed_ips")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT prefix FROM fixed_ips")) == 0
