"""Let no instance be without locked: it is filled since kilo."""

import sqlalchemy as sa

completes = ["instance_locked"]


def contract(op):
    op.alter_column("instances", "locked", existing_type=sa.Boolean(), nullable=False)
