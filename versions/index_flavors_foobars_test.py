import sqlalchemy as sa

from migrator.testing import walk_to


def test_foobars_are_indexed(engine: sa.Engine) -> None:
    walk_to(engine, "index_flavors_foobars")

    indexes = {each["name"]: each for each in sa.inspect(engine).get_indexes("flavors")}
    assert indexes["ix_flavors_foobars"]["column_names"] == ["foobars"]
