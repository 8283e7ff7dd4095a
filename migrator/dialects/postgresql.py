"""PostgreSQL: transactional DDL, advisory locks, constraints validated later."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from typing_extensions import override

from migrator.dialects.base import Capabilities, Dialect, Transient
from migrator.dialects.text.postgresql import (
    CATALOGUE_OF_ALL,
    CATALOGUE_OF_TABLES,
    SYNTAX,
    WRITTEN_ROWS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNNER_LOCK = 0x6D6967726174
"""Key of the advisory lock of this database: 'migrat' in ASCII."""

HOLDER = f"""
SELECT l.pid FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.classid = {RUNNER_LOCK >> 32} AND l.objid = {RUNNER_LOCK & 0xFFFFFFFF}
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""  # noqa: S608 - numbers of ours

SESSIONS = """
SELECT a.pid AS session, CAST(a.usename AS text) AS user, a.application_name AS application,
       CAST(a.client_addr AS text) AS host, a.state AS state,
       to_char(coalesce(a.xact_start, a.state_change, a.backend_start) AT TIME ZONE 'UTC',
               'YYYY-MM-DD HH24:MI:SS') AS since
  FROM pg_catalog.pg_stat_activity a
"""

PREPARED = """
UNION ALL
SELECT DISTINCT CAST(NULL AS integer), CAST(p.owner AS text), NULL, NULL,
       'a prepared transaction: ' || p.gid,
       to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
  FROM pg_catalog.pg_locks w
  JOIN pg_catalog.pg_locks l ON l.granted AND l.pid IS NULL AND l.database = w.database
   AND l.relation = w.relation
  JOIN pg_catalog.pg_locks x ON x.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
  JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
 WHERE w.pid = :session AND NOT w.granted
"""

INDEX_STATE = """
SELECT n.nspname AS schema, c.relname AS name, x.indisvalid AS valid, b.pid AS builder
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_progress_create_index b ON b.index_relid = x.indexrelid
 WHERE c.relname = :name AND t.relname = :table
   AND (n.nspname = CAST(:schema AS text)
        OR CAST(:schema AS text) IS NULL AND pg_table_is_visible(c.oid))
"""


_LIMITED = re.compile(r"(character varying|numeric)\((\d+)(,\d+)?\)")


class PostgreSQL(Dialect):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    families = ("postgresql",)
    sqlalchemy = "postgresql"
    drivers: ClassVar[dict[str, str]] = {"psycopg2": "postgresql", "psycopg": "psycopg"}
    syntax = SYNTAX
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
    timeouts = frozenset({"57014"})
    denied = frozenset({"42501"})
    read_only = frozenset({"25006"})
    # Data, constraints, CHECK OPTION; more than one row from a subquery; an index entry
    # that is too long; RAISE in a trigger.
    row_errors = ("22", "23", "44", "21000", "54000", "P0001")
    fenced = "migrator_fence_"

    @override
    def now(self) -> sa.ColumnElement[float]:
        """Return the moment by the clock itself, not that at which the transaction began."""
        return sa.literal_column(
            "CAST(extract(epoch FROM clock_timestamp()) AS float8)", sa.Double()
        )

    @override
    def set_lock_timeout(self, seconds: float) -> str | None:
        """Return SET lock_timeout, which PostgreSQL counts in milliseconds."""
        return f"SET lock_timeout = {int(seconds * 1000)}"

    @override
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

    @override
    def catalogue(self, *, restricted: bool) -> str:
        """Return the query for tables and what hangs on them; for all, types and functions too."""
        if restricted:
            return CATALOGUE_OF_TABLES.replace("{condition}", "c.relname IN :tables")
        return CATALOGUE_OF_TABLES.replace("{condition}", "TRUE") + CATALOGUE_OF_ALL

    @override
    def is_wider(self, before: str, after: str) -> bool:
        was, now = _LIMITED.fullmatch(before), _LIMITED.fullmatch(after)
        if was and now:
            return (was[1], was[3]) == (now[1], now[3]) and int(was[2]) <= int(now[2])
        text = ("character varying", "text")
        return after in text and before.startswith(text)

    @override
    def written_rows(self) -> str:
        return WRITTEN_ROWS

    @override
    def leave_commits(self) -> str:
        return "SET synchronous_commit = off"

    @override
    def await_commits(self) -> str:
        return "RESET synchronous_commit"

    @override
    def session(self) -> str:
        return "SELECT pg_backend_pid()"

    @override
    def try_lock(self) -> str:
        return f"SELECT pg_try_advisory_lock({RUNNER_LOCK})"

    @override
    def unlock(self) -> str:
        return f"SELECT pg_advisory_unlock({RUNNER_LOCK})"

    @override
    def lock_holder(self) -> str:
        return HOLDER

    @override
    def sessions(self) -> str:
        return SESSIONS + "WHERE a.pid = :session"

    @override
    def blockers(self) -> str:
        return SESSIONS + "WHERE a.pid = ANY(pg_blocking_pids(:session))" + PREPARED

    @override
    def one_at_a_time(self) -> str:
        return f"SELECT pg_advisory_xact_lock({RUNNER_LOCK + 1})"

    @override
    def see_every_row(self) -> str:
        # Otherwise a policy would leave out rows, and what is not seen would be dropped.
        return "SET LOCAL row_security = off"

    @override
    def fences(self) -> str:
        return """
            SELECT n.nspname AS "schema", c.relname AS "table", k.conname AS name,
                   k.convalidated AS valid, pg_table_is_visible(c.oid) AS visible
              FROM pg_catalog.pg_constraint k
              JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE k.contype = 'c' AND k.coninhcount = 0
               AND left(k.conname, 15) = 'migrator_fence_'"""

    @override
    def triggers(self) -> str:
        return """
            SELECT n.nspname AS "schema", t.tgname AS name, p.prosrc AS body
              FROM pg_catalog.pg_trigger t
              JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
             WHERE NOT t.tgisinternal AND c.relname = :table"""

    @override
    def raise_fence(self, table: str, name: str, predicate: str) -> tuple[str, ...]:
        fence = f"ADD CONSTRAINT {name} CHECK (NOT ({predicate})) NOT VALID"
        return (f"ALTER TABLE {table} {fence}",)

    @override
    def validate_fence(self, table: str, name: str) -> str:
        return f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"

    @override
    def lift_fence(self, table: str, name: str) -> str:
        return f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"

    @override
    def lock_tables(self, written: Sequence[str], read: Sequence[str]) -> tuple[str, ...]:
        modes = ((written, "ACCESS EXCLUSIVE"), (read, "SHARE"))
        return tuple(
            f"LOCK TABLE {', '.join(tables)} IN {mode} MODE" for tables, mode in modes if tables
        )

    @override
    def index_state(self) -> str:
        return INDEX_STATE

    @override
    def script_head(self, lock_timeout: float) -> tuple[str, ...]:
        return (
            "\\set ON_ERROR_STOP on",
            f"{self.set_lock_timeout(lock_timeout)};",
            f"SELECT pg_advisory_lock({RUNNER_LOCK});",
        )

    @override
    def script_foot(self) -> tuple[str, ...]:
        return (f"SELECT pg_advisory_unlock({RUNNER_LOCK});",)
