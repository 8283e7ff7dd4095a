import sqlalchemy as sa

from migrator.testing import check_contract


def test_the_index_goes_when_no_flavor_needs_it(engine: sa.Engine) -> None:
    rows: dict[str, list[dict[str, object]]] = {
        "instances": [{"uuid": "a", "locked": False}],
        "instance_system_metadata": [
            {"instance_uuid": "a", "key": "instance_type_id", "value": "0"},
            {"instance_uuid": "a", "key": "image_os_distro", "value": ""},
        ],
    }
    check_contract(engine, "drop_system_metadata_keys_index", rows)

    indexes = sa.inspect(engine).get_indexes("instance_system_metadata")
    assert "ix_instance_system_metadata_keys" not in [each["name"] for each in indexes]
    with engine.connect() as connection:
        found = connection.scalars(sa.text("SELECT value FROM instance_system_metadata")).all()
    assert found == [""]
