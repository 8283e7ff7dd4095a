"""Rename flavors.memory_mb to foobars."""

import sqlalchemy as sa

from migrator import rename

flavor_foobars = rename("flavors", "memory_mb", to="foobars")


def expand(op):
    op.add_column("flavors", sa.Column("foobars", sa.Integer()))
