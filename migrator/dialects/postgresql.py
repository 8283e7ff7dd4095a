"""PostgreSQL: transactional DDL, advisory locks, constraints validated later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from typing_extensions import override

from migrator.dialects.base import Capabilities, Dialect, Transient
from migrator.dialects.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Sequence

SYNTAX = Syntax(
    quotes={'"': '"'},
    backslashes=True,
    escape_strings=True,
    dollar_quotes=True,
    nested_comments=True,
    line_ends="\n\r",
    folds=True,
    name_bytes=63,
    domains=True,
    types=frozenset(
        ["ARRAY", "BIGINT", "BIGSERIAL", "BIT", "BOOL", "BOOLEAN", "BOX", "BPCHAR", "BYTEA", "CHAR", "CHARACTER", "CIDR", "CIRCLE", "CITEXT", "DATE", "DATEMULTIRANGE", "DATERANGE", "DEC", "DECIMAL", "DOUBLE", "FLOAT", "FLOAT4", "FLOAT8", "GEOGRAPHY", "GEOMETRY", "HSTORE", "INET", "INT", "INT2", "INT4", "INT4MULTIRANGE", "INT4RANGE", "INT8", "INT8MULTIRANGE", "INT8RANGE", "INTEGER", "INTERVAL", "JSON", "JSONB", "JSONPATH", "LINE", "LSEG", "LTREE", "MACADDR", "MACADDR8", "MONEY", "NAME", "NATIONAL", "NCHAR", "NUMERIC", "NUMMULTIRANGE", "NUMRANGE", "OID", "PATH", "PG_LSN", "POINT", "POLYGON", "REAL", "REGCLASS", "SERIAL", "SERIAL2", "SERIAL4", "SERIAL8", "SMALLINT", "SMALLSERIAL", "TEXT", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMETZ", "TSMULTIRANGE", "TSQUERY", "TSRANGE", "TSTZMULTIRANGE", "TSTZRANGE", "TSVECTOR", "UUID", "VARBIT", "VARCHAR", "VECTOR", "XML"]
    ),
    settings=frozenset(
        ["LOCK_TIMEOUT", "STATEMENT_TIMEOUT", "IDLE_IN_TRANSACTION_SESSION_TIMEOUT", "TRANSACTION_TIMEOUT", "CLIENT_MIN_MESSAGES", "APPLICATION_NAME", "MAINTENANCE_WORK_MEM", "WORK_MEM", "MAX_PARALLEL_MAINTENANCE_WORKERS", "DEADLOCK_TIMEOUT"]
    ),
    functions=frozenset(
        ["ARRAY_AGG", "ARRAY_LENGTH", "ARRAY_POSITION", "ARRAY_TO_STRING", "BOOL_AND", "BOOL_OR", "COL_DESCRIPTION", "CURRENT_DATABASE", "CURRENT_SCHEMA", "CURRENT_SCHEMAS", "CURRENT_SETTING", "CURRENT_USER", "DATE_PART", "DATE_TRUNC", "FORMAT_TYPE", "GENERATE_SERIES", "GENERATE_SUBSCRIPTS", "HAS_TABLE_PRIVILEGE", "INITCAP", "JSON_AGG", "JSON_BUILD_OBJECT", "JSONB_AGG", "JSONB_BUILD_OBJECT", "MD5", "OBJ_DESCRIPTION", "PG_BACKEND_PID", "PG_GET_CONSTRAINTDEF", "PG_GET_EXPR", "PG_GET_FUNCTIONDEF", "PG_GET_INDEXDEF", "PG_GET_KEYWORDS", "PG_GET_SERIAL_SEQUENCE", "PG_GET_TRIGGERDEF", "PG_GET_USERBYID", "PG_GET_VIEWDEF", "PG_INDEX_COLUMN_HAS_PROPERTY", "PG_INDEXAM_HAS_PROPERTY", "PG_IS_IN_RECOVERY", "PG_RELATION_SIZE", "PG_SIZE_PRETTY", "PG_TABLE_IS_VISIBLE", "PG_TABLE_SIZE", "PG_TOTAL_RELATION_SIZE", "PG_TYPE_IS_VISIBLE", "ROW_NUMBER", "RANK", "STRING_AGG", "STRPOS", "TO_CHAR", "TO_REGCLASS", "UNNEST", "VERSION"]
    ),
    volatile=frozenset(
        ["CLOCK_TIMESTAMP", "GEN_RANDOM_UUID", "NEXTVAL", "RANDOM", "TIMEOFDAY", "UUIDV4", "UUIDV7", "UUID_GENERATE_V1", "UUID_GENERATE_V1MC", "UUID_GENERATE_V4"]
    ),
)

CATALOGUE_OF_TABLES = """
WITH relation AS (
    SELECT c.*, n.nspname
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {condition}
)
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                    WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END AS thing,
       CAST(nspname AS text) AS "schema", CAST(NULL AS text) AS "table",
       CAST(relname AS text) AS name,
       concat_ws(' ', relkind, relpersistence, relowner, relrowsecurity, relforcerowsecurity,
                 relreplident, CASE WHEN relkind IN ('v', 'm') THEN md5(pg_get_viewdef(oid)) END,
                 pg_get_expr(relpartbound, oid)) AS definition
  FROM relation WHERE relkind NOT IN ('i', 'I', 't')
UNION ALL
SELECT 'column', r.nspname, r.relname, a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull,
                 a.attidentity, a.attgenerated, a.attcollation, pg_get_expr(d.adbin, d.adrelid))
  FROM relation r
  JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
UNION ALL
SELECT 'constraint', r.nspname, r.relname, c.conname,
       concat_ws(' ', regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', ''),
                 (SELECT string_agg(CAST(t.tgenabled AS text), '' ORDER BY t.tgname)
                    FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = c.oid))
  FROM relation r JOIN pg_catalog.pg_constraint c ON c.conrelid = r.oid
UNION ALL
SELECT 'index', r.nspname, r.relname, i.relname, pg_get_indexdef(i.oid)
  FROM relation r
  JOIN pg_catalog.pg_index x ON x.indrelid = r.oid
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
UNION ALL
SELECT 'trigger', r.nspname, r.relname, t.tgname,
       concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid))
  FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'rule', r.nspname, r.relname, w.rulename, concat_ws(' ', w.ev_enabled, pg_get_ruledef(w.oid))
  FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', r.nspname, r.relname, p.polname,
       concat_ws(' ', p.polcmd, p.polpermissive, p.polroles,
                 pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  FROM relation r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'partition', r.nspname, CAST(CAST(h.inhparent AS regclass) AS text), r.relname, ''
  FROM relation r JOIN pg_catalog.pg_inherits h ON h.inhrelid = r.oid
 WHERE r.relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'privilege', r.nspname, r.relname,
       concat_ws(' ', a.privilege_type, 'of', CASE a.grantee WHEN 0 THEN 'public'
                 ELSE pg_get_userbyid(a.grantee) END), ''
  FROM relation r, aclexplode(r.relacl) a
"""

CATALOGUE_OF_ALL = """
UNION ALL
SELECT 'schema', NULL, NULL, nspname, CAST(nspowner AS text)
  FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
UNION ALL
SELECT 'sequence', r.nspname, NULL, r.relname,
       concat_ws(' ', 's', s.seqtypid, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcycle)
  FROM relation r JOIN pg_catalog.pg_sequence s ON s.seqrelid = r.oid
UNION ALL
SELECT 'function', n.nspname, NULL,
       concat(p.proname, '(', pg_get_function_identity_arguments(p.oid), ')'),
       concat_ws(' ', p.prokind, p.prorettype, p.provolatile, p.prosecdef, p.proleakproof,
                 p.proconfig, p.proowner, p.probin, md5(p.prosrc))
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT 'type', n.nspname, NULL, t.typname,
       concat_ws(' ', t.typtype, t.typowner, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
                 t.typdefault)
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype IN ('d', 'e', 'r', 'm')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT 'value', n.nspname, t.typname, e.enumlabel, ''
  FROM pg_catalog.pg_enum e
  JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
UNION ALL
SELECT 'constraint', n.nspname, t.typname, c.conname,
       regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '')
  FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_type t ON t.oid = c.contypid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT 'extension', NULL, NULL, extname, extversion FROM pg_catalog.pg_extension
"""

RUNNER_LOCK = 0x6D6967726174
"""Key of the advisory lock of this database: 'migrat' in ASCII."""

HOLDER = f"""
SELECT l.pid FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.classid = {RUNNER_LOCK >> 32} AND l.objid = {RUNNER_LOCK & 0xFFFFFFFF}
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""

SESSIONS = """
SELECT a.pid AS session, CAST(a.usename AS text) AS user, a.application_name AS application,
       CAST(a.client_addr AS text) AS host, a.state AS state,
       to_char(coalesce(a.xact_start, a.state_change, a.backend_start) AT TIME ZONE 'UTC',
               'YYYY-MM-DD HH24:MI:SS') AS since
  FROM pg_catalog.pg_stat_activity a
"""

INDEX_STATE = """
SELECT n.nspname AS schema, c.relname AS name, x.indisvalid AS valid, b.pid AS builder
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_progress_create_index b ON b.index_relid = x.indexrelid
 WHERE c.relname = :name
   AND (n.nspname = CAST(:schema AS text)
        OR CAST(:schema AS text) IS NULL AND pg_table_is_visible(c.oid))
"""


class PostgreSQL(Dialect):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    families = ("postgresql",)
    sqlglot = "postgres"
    sqlalchemy = "postgresql"
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
        return SESSIONS + "WHERE a.pid = ANY(pg_blocking_pids(:session))"

    @override
    def one_at_a_time(self) -> str:
        return f"SELECT pg_advisory_xact_lock({RUNNER_LOCK + 1})"

    @override
    def fences(self) -> str:
        return """
            SELECT n.nspname AS "schema", c.relname AS "table", k.conname AS name,
                   k.convalidated AS valid
              FROM pg_catalog.pg_constraint k
              JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE k.contype = 'c' AND k.coninhcount = 0
               AND left(k.conname, 15) = 'migrator_fence_'"""

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
