import sqlalchemy as sa

from cloud import juno
from migrator.testing import columns_of, walk_to


def test_the_model_of_juno_fits(engine: sa.Engine) -> None:
    walk_to(engine, "create_fixed_ips")

    mapped = sa.inspect(juno.FixedIp).local_table
    assert columns_of(engine, "fixed_ips") == [column.name for column in mapped.c]
