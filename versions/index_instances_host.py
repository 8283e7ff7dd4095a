"""Index the instances of a host that are not deleted."""

import sqlalchemy as sa


def expand(op):
    alive = sa.text("deleted = 0")
    op.create_index("ix_instances_host", "instances", ["host"], sqlite_where=alive)
