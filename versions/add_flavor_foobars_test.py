import sqlalchemy as sa

from migrator.testing import check_transition, walk_to
from versions.add_flavor_foobars import flavor_foobars


def test_memory_mb_becomes_foobars(engine: sa.Engine) -> None:
    walk_to(engine, "add_flavor_foobars")

    values = (512, 0, 2**31 - 1, -(2**31), None)
    check_transition(
        engine,
        flavor_foobars,
        [({"memory_mb": value}, {"memory_mb": None, "foobars": value}) for value in values],
    )


def test_what_an_old_writer_says_counts(engine: sa.Engine) -> None:
    walk_to(engine, "add_flavor_foobars")

    check_transition(
        engine,
        flavor_foobars,
        [({"memory_mb": 0, "foobars": 7}, {"memory_mb": None, "foobars": 0})],
    )
