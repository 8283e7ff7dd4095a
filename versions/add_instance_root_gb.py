"""Keep the size of a root disk in GB, with three decimals: root_mb becomes root_gb."""

from decimal import Decimal

import sqlalchemy as sa

from migrator import retype

MB_PER_GB = Decimal(1000)

instance_root_gb = retype(
    "instances",
    "root_mb",
    to="root_gb",
    up=lambda row: row.root_mb / MB_PER_GB,
    down=lambda row: row.root_gb * MB_PER_GB,
    types={"root_mb": sa.Integer()},
)


def expand(op):
    op.add_column("instances", sa.Column("root_gb", sa.Numeric(13, 3)))
