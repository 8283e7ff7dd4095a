"""MySQL and MariaDB: DDL that commits by itself, GET_LOCK, triggers as fences."""

from __future__ import annotations

from math import ceil
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import CHAR
from typing_extensions import override

from migrator.dialects.base import Capabilities, Dialect, Transient


class MySQL(Dialect):
    """MySQL 8.0 and later."""

    name = "mysql"
    families: ClassVar[tuple[str, ...]] = ("mysql",)
    exact_collation: ClassVar[str] = "utf8mb4_0900_bin"
    """Collation that tells case, accents and trailing spaces apart."""
    sqlglot = "mysql"
    sqlalchemy = "mysql"
    capabilities = Capabilities(
        transactional_ddl=False,
        advisory_locks=True,
        row_locks=True,
        lock_timeout=True,
        concurrent_index=False,
        ordered_assignments=True,
        late_validation=False,
        typed_values=False,
    )
    transient: ClassVar[dict[str, Transient]] = {
        "1205": Transient.LOCKED,
        "1213": Transient.DEADLOCK,
        "1020": Transient.SERIALIZATION,
        "1053": Transient.LOST,
        "1927": Transient.LOST,
        "2002": Transient.LOST,
        "2003": Transient.LOST,
        "2006": Transient.LOST,
        "2013": Transient.LOST,
    }

    def set_lock_timeout(self, seconds: float) -> str | None:
        """Return SET for metadata and row locks, which are counted in whole seconds."""
        whole = max(1, ceil(seconds))
        return f"SET SESSION lock_wait_timeout = {whole}, innodb_lock_wait_timeout = {whole}"

    def isolation_level(self) -> str | None:
        """Return READ COMMITTED: REPEATABLE READ would lock the gaps of every range."""
        return "READ COMMITTED"

    @override
    def same(
        self, column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[bool]:
        """Compare text byte by byte: the column's own collation may say that 'a' is 'A'."""
        if not isinstance(column.type, sa.String):
            return column.is_not_distinct_from(value)
        exact = (
            sa.collate(sa.cast(each, CHAR(charset="utf8mb4")), self.exact_collation)
            for each in (column, value)
        )
        return next(exact).is_not_distinct_from(next(exact))
