import pytest
import sqlalchemy as sa

from migrator.testing import columns_of, walk_to


def test_an_instance_has_one_row_at_most(engine: sa.Engine) -> None:
    walk_to(engine, "create_instance_extra")

    assert columns_of(engine, "instance_extra") == ["id", "instance_uuid", "numa_topology"]
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO instances (uuid) VALUES ('a')"))
        insert = sa.text("INSERT INTO instance_extra (instance_uuid) VALUES ('a')")
        connection.execute(insert)
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(insert)
