"""Create fixed_ips: addresses, and the instances that have them."""

import sqlalchemy as sa


def expand(op):
    op.create_table(
        "fixed_ips",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cidr", sa.String(64)),
        sa.Column("instance_uuid", sa.String(36), sa.ForeignKey("instances.uuid"), index=True),
        sa.Column("reserved", sa.Boolean()),
    )
