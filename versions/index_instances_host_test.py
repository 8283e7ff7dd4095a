import sqlalchemy as sa

from migrator.testing import walk_to


def test_the_host_is_indexed(engine: sa.Engine) -> None:
    walk_to(engine, "index_instances_host")

    indexes = {each["name"]: each for each in sa.inspect(engine).get_indexes("instances")}
    found = indexes["ix_instances_host"]
    assert found["column_names"] == ["host"]
    where = found.get("dialect_options", {}).get(f"{engine.dialect.name}_where")
    assert "deleted" in str(where) or engine.dialect.name not in ("postgresql", "sqlite")
