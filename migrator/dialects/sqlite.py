"""SQLite: one writer, transactional DDL, a file instead of a server."""

from __future__ import annotations

from typing import ClassVar

from migrator.dialects.base import Capabilities, Dialect, Transient


class SQLite(Dialect):
    """SQLite 3.35 and later."""

    name = "sqlite"
    families = ("sqlite",)
    sqlglot = "sqlite"
    sqlalchemy = "sqlite"
    capabilities = Capabilities(
        transactional_ddl=True,
        advisory_locks=False,
        row_locks=False,
        lock_timeout=True,
        concurrent_index=False,
        ordered_assignments=False,
        late_validation=False,
        typed_values=False,
    )
    transient: ClassVar[dict[str, Transient]] = {
        "SQLITE_BUSY": Transient.LOCKED,
        "SQLITE_BUSY_SNAPSHOT": Transient.SERIALIZATION,
        "SQLITE_LOCKED": Transient.LOCKED,
    }

    def set_lock_timeout(self, seconds: float) -> str | None:
        """Return the PRAGMA that limits waiting for the writer, in milliseconds."""
        return f"PRAGMA busy_timeout = {int(seconds * 1000)}"

    def isolation_level(self) -> str | None:
        """Return None: SQLite is serializable and has one writer."""
        return None
