from decimal import Decimal

import sqlalchemy as sa

from migrator.testing import check_transition, walk_to
from versions.add_instance_root_gb import instance_root_gb

SIZES = {
    0: Decimal(0),
    1: Decimal("0.001"),
    999: Decimal("0.999"),
    1000: Decimal(1),
    2**31 - 1: Decimal("2147483.647"),
    -(2**31): Decimal("-2147483.648"),
    None: None,
}


def test_megabytes_become_gigabytes(engine: sa.Engine) -> None:
    walk_to(engine, "add_instance_root_gb")

    check_transition(
        engine,
        instance_root_gb,
        [
            ({"uuid": str(mb), "root_mb": mb}, {"root_mb": None, "root_gb": gb})
            for mb, gb in SIZES.items()
        ],
    )


def test_deleted_instances_are_moved_as_well(engine: sa.Engine) -> None:
    walk_to(engine, "add_instance_root_gb")

    deleted = {"uuid": "gone", "root_mb": 500, "deleted": 1}
    check_transition(engine, instance_root_gb, [(deleted, {"root_gb": Decimal("0.5")})])
