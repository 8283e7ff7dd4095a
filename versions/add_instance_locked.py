"""Add instances.locked: false for every instance that there is."""

import sqlalchemy as sa

from migrator import fill

instance_locked = fill("instances", "locked", value=False)


def expand(op):
    op.add_column("instances", sa.Column("locked", sa.Boolean()))
