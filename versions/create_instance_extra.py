"""Create instance_extra: what is known of an instance and seldom read."""

import sqlalchemy as sa


def expand(op):
    op.create_table(
        "instance_extra",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "instance_uuid",
            sa.String(36),
            sa.ForeignKey("instances.uuid"),
            nullable=False,
            unique=True,
        ),
        sa.Column("numa_topology", sa.Text()),
    )
