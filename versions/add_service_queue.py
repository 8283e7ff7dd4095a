"""Rename services.topic to queue; topic may not be NULL, so queue_counts says which one counts."""

import sqlalchemy as sa

from migrator import rename

service_queue = rename("services", "topic", to="queue", marker="queue_counts")


def expand(op):
    op.add_column("services", sa.Column("queue", sa.String(255)))
    op.add_column(
        "services",
        sa.Column("queue_counts", sa.SmallInteger(), nullable=False, server_default="0"),
    )
