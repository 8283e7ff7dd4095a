import pytest
import sqlalchemy as sa

from migrator.testing import check_contract


def test_an_instance_without_locked_is_refused(engine: sa.Engine) -> None:
    rows: list[dict[str, object]] = [
        {"uuid": "unknown"},
        {"uuid": "gone", "deleted": 2},
        {"uuid": "yes", "locked": True},
    ]
    check_contract(engine, "require_instance_locked", {"instances": rows})

    with engine.connect() as connection:
        found = connection.scalars(sa.text("SELECT locked FROM instances ORDER BY id")).all()
    assert found == [False, False, True]
    for statement in (
        "UPDATE instances SET locked = NULL",
        "INSERT INTO instances (uuid, locked) VALUES ('new', NULL)",
    ):
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):
            connection.execute(sa.text(statement))
