"""Create the tables of the cloud: flavors, instances, their metadata, services."""

import sqlalchemy as sa


def expand(op):
    op.create_table(
        "flavors",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(255)),
        sa.Column("flavorid", sa.String(255)),
        sa.Column("memory_mb", sa.Integer()),
        sa.Column("vcpus", sa.Integer()),
        sa.Column("rxtx_factor", sa.Float()),
        sa.Column("disabled", sa.Boolean()),
        sa.Column("is_public", sa.Boolean()),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(36), nullable=False, unique=True),
        sa.Column("display_name", sa.String(255)),
        sa.Column("host", sa.String(255)),
        sa.Column("instance_type_id", sa.Integer()),
        sa.Column("root_mb", sa.Integer()),
        sa.Column("vm_state", sa.String(255)),
        sa.Column("task_state", sa.String(255)),
        sa.Column("deleted", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_table(
        "instance_system_metadata",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "instance_uuid",
            sa.String(36),
            sa.ForeignKey("instances.uuid"),
            nullable=False,
            index=True,
        ),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("value", sa.String(255)),
    )
    op.create_table(
        "services",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("host", sa.String(255)),
        sa.Column("binary", sa.String(255)),
        sa.Column("topic", sa.String(255), nullable=False, server_default=""),
        sa.Column("report_count", sa.Integer(), nullable=False, server_default="0"),
    )
