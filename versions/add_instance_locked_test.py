import sqlalchemy as sa

from migrator.testing import check_transition, walk_to
from versions.add_instance_locked import instance_locked


def test_what_is_not_known_to_be_locked_is_not(engine: sa.Engine) -> None:
    walk_to(engine, "add_instance_locked")

    check_transition(
        engine,
        instance_locked,
        [
            ({"uuid": "unknown", "locked": None}, {"locked": False}),
            ({"uuid": "open", "locked": False}, {"locked": False}),
            ({"uuid": "locked", "locked": True}, {"locked": True}),
        ],
    )
