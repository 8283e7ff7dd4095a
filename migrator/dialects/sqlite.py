"""SQLite: one writer, transactional DDL, a file instead of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from typing_extensions import override

from migrator.dialects.base import Capabilities, Dialect, Transient
from migrator.dialects.text.sqlite import CATALOGUE, SYNTAX

if TYPE_CHECKING:
    from collections.abc import Sequence


class SQLite(Dialect):
    """SQLite 3.35 and later."""

    name = "sqlite"
    families = ("sqlite",)
    sqlalchemy = "sqlite"
    syntax = SYNTAX
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
    # A commit costs more than rows do, and no row has a lock.
    largest_batch = 1_000_000
    transient: ClassVar[dict[str, Transient]] = {
        "SQLITE_BUSY": Transient.LOCKED,
        "SQLITE_BUSY_SNAPSHOT": Transient.SERIALIZATION,
        "SQLITE_LOCKED": Transient.LOCKED,
    }
    timeouts = frozenset({"SQLITE_INTERRUPT"})
    read_only = frozenset({"SQLITE_READONLY", "SQLITE_READONLY_DBMOVED"})
    row_errors = ("SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_TOOBIG")
    row_messages = ("malformed JSON", "bad JSON", "JSON", "integer overflow", "user-defined func")

    @override
    def now(self) -> sa.ColumnElement[float]:
        """Return the moment from the Julian day, to the millisecond."""
        return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double())

    @override
    def set_lock_timeout(self, seconds: float) -> str | None:
        """Return the PRAGMA that limits waiting for the writer, in milliseconds."""
        return f"PRAGMA busy_timeout = {int(seconds * 1000)}"

    @override
    def isolation_level(self) -> str | None:
        """Return None: SQLite is serializable and has one writer."""
        return None

    @override
    def same(
        self, column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[bool]:
        """Compare text byte by byte: the column's own collation may say that 'a' is 'A'."""
        if isinstance(column.type, sa.String):
            return sa.collate(column, "BINARY").is_not_distinct_from(value)
        return column.is_not_distinct_from(value)

    @override
    def catalogue(self, *, restricted: bool) -> str:
        """Return the query for the schema's table, which holds the text of every definition."""
        return CATALOGUE.replace("{condition}", "m.tbl_name IN :tables" if restricted else "1")

    @override
    def written_rows(self) -> str:
        return "SELECT 'a table' AS name, total_changes() AS written"

    @override
    def lock_tables(self, written: Sequence[str], read: Sequence[str]) -> tuple[str, ...]:
        return ()  # BEGIN IMMEDIATE has kept every other writer out

    @override
    def before_rebuild(self) -> str:
        # With foreign keys on, dropping the old table would delete what refers to it.
        return "PRAGMA foreign_keys = OFF"

    @override
    def script_head(self, lock_timeout: float) -> tuple[str, ...]:
        return (".bail on", f".timeout {int(lock_timeout * 1000)}")

    @override
    def stop_unless(self, condition: str) -> str:
        # Of a subquery with two rows SQLite takes the first. No row of the history is NULL.
        return f"INSERT INTO migrator_history (name) SELECT NULL WHERE NOT ({condition})"

    @override
    def begin(self) -> str:
        return "BEGIN IMMEDIATE"
