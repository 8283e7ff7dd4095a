import sqlalchemy as sa

from migrator.testing import walk_to


def test_the_keys_of_an_instance_are_indexed(engine: sa.Engine) -> None:
    walk_to(engine, "index_system_metadata_keys")

    found = {
        each["name"]: each["column_names"]
        for each in sa.inspect(engine).get_indexes("instance_system_metadata")
    }
    assert found["ix_instance_system_metadata_keys"] == ["instance_uuid", "key"]
