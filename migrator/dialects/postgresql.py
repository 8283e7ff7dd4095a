"""PostgreSQL: transactional DDL, advisory locks, constraints validated later."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from typing_extensions import override

from migrator.dialects.base import Capabilities, Dialect, Transient


class PostgreSQL(Dialect):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    families = ("postgresql",)
    sqlglot = "postgres"
    sqlalchemy = "postgresql"
    capabilities = Capabilities(
        transactional_ddl=True,
        advisory_locks=True,
        row_locks=True,
        lock_timeout=True,
        concurrent_index=True,
        ordered_assignments=False,
        late_validation=True,
        typed_values=True,
    )
    transient: ClassVar[dict[str, Transient]] = {
        "55P03": Transient.LOCKED,
        "40P01": Transient.DEADLOCK,
        "40001": Transient.SERIALIZATION,
        "57P01": Transient.LOST,
        "57P02": Transient.LOST,
        "57P03": Transient.LOST,
        "08000": Transient.LOST,
        "08003": Transient.LOST,
        "08006": Transient.LOST,
    }

    def set_lock_timeout(self, seconds: float) -> str | None:
        """Return SET lock_timeout, which PostgreSQL counts in milliseconds."""
        return f"SET lock_timeout = {int(seconds * 1000)}"

    def isolation_level(self) -> str | None:
        """Return READ COMMITTED: a batch repeats its predicate, so it needs no snapshot."""
        return "READ COMMITTED"

    @override
    def same(
        self, column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[bool]:
        """Compare json as text: PostgreSQL has no equality for it."""
        if isinstance(column.type, sa.JSON):
            return sa.cast(column, sa.Text).is_not_distinct_from(sa.cast(value, sa.Text))
        return column.is_not_distinct_from(value)
