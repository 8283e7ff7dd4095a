"""Texts of PostgreSQL: words of its SQL that do no harm, and the query for its catalogue."""

from __future__ import annotations

from migrator.dialects.syntax import Syntax, words

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
    widening=True,
    types=words(
        """
        ARRAY BIGINT BIGSERIAL BIT BOOL BOOLEAN BOX BPCHAR BYTEA CHAR CHARACTER CIDR
        CIRCLE CITEXT DATE DATEMULTIRANGE DATERANGE DEC DECIMAL DOUBLE FLOAT FLOAT4 FLOAT8
        GEOGRAPHY GEOMETRY HSTORE INET INT INT2 INT4 INT4MULTIRANGE INT4RANGE INT8
        INT8MULTIRANGE INT8RANGE INTEGER INTERVAL JSON JSONB JSONPATH LINE LSEG LTREE
        MACADDR MACADDR8 MONEY NAME NATIONAL NCHAR NUMERIC NUMMULTIRANGE NUMRANGE OID PATH
        PG_LSN POINT POLYGON REAL REGCLASS SERIAL SERIAL2 SERIAL4 SERIAL8 SMALLINT
        SMALLSERIAL TEXT TIME TIMESTAMP TIMESTAMPTZ TIMETZ TSMULTIRANGE TSQUERY TSRANGE
        TSTZMULTIRANGE TSTZRANGE TSVECTOR UUID VARBIT VARCHAR VECTOR XML
        """
    ),
    settings=words(
        """
        APPLICATION_NAME CLIENT_MIN_MESSAGES DEADLOCK_TIMEOUT
        IDLE_IN_TRANSACTION_SESSION_TIMEOUT LOCK_TIMEOUT MAINTENANCE_WORK_MEM
        MAX_PARALLEL_MAINTENANCE_WORKERS STATEMENT_TIMEOUT TRANSACTION_TIMEOUT WORK_MEM
        """
    ),
    functions=words(
        """
        ARRAY_AGG ARRAY_LENGTH ARRAY_POSITION ARRAY_TO_STRING BOOL_AND BOOL_OR
        COL_DESCRIPTION CURRENT_DATABASE CURRENT_SCHEMA CURRENT_SCHEMAS CURRENT_SETTING
        CURRENT_USER DATE_PART DATE_TRUNC FORMAT_TYPE GENERATE_SERIES GENERATE_SUBSCRIPTS
        HAS_TABLE_PRIVILEGE INITCAP JSONB_AGG JSONB_BUILD_OBJECT JSON_AGG
        JSON_BUILD_OBJECT MD5 OBJ_DESCRIPTION PG_BACKEND_PID PG_COLLATION_IS_VISIBLE
        PG_GET_CONSTRAINTDEF
        PG_GET_EXPR PG_GET_FUNCTIONDEF PG_GET_INDEXDEF PG_GET_KEYWORDS
        PG_GET_SERIAL_SEQUENCE PG_GET_TRIGGERDEF PG_GET_USERBYID PG_GET_VIEWDEF
        PG_INDEXAM_HAS_PROPERTY PG_INDEX_COLUMN_HAS_PROPERTY PG_IS_IN_RECOVERY
        PG_RELATION_SIZE PG_SIZE_PRETTY PG_TABLE_IS_VISIBLE PG_TABLE_SIZE
        PG_TOTAL_RELATION_SIZE PG_TYPE_IS_VISIBLE RANK ROW_NUMBER STRING_AGG STRPOS
        TO_CHAR TO_REGCLASS UNNEST VERSION
        """
    ),
    total=words("-> ->> MD5"),
    extensions=words(
        """
        btree_gin btree_gist citext cube earthdistance fuzzystrmatch hstore intarray isn ltree
        pg_stat_statements pg_trgm pgcrypto postgis seg tablefunc plpgsql unaccent uuid-ossp
        vector
        """
    ),
    volatile=words(
        """
        CLOCK_TIMESTAMP GEN_RANDOM_UUID NEXTVAL RANDOM TIMEOFDAY UUIDV4 UUIDV7
        UUID_GENERATE_V1 UUID_GENERATE_V1MC UUID_GENERATE_V4
        """
    ),
    blocking={
        "check": "every row is looked at while nobody can read or write",
        "column check": "every row is looked at while nobody can read or write",
        "foreign key": "every row is looked at while nobody can write to either table",
        "unique": "an index is built while nobody can read or write",
        "exclude": "an index is built while nobody can read or write",
        "index": "the index is built while nobody can write",
        "stored": "the whole table is written again while nobody can read or write",
        "volatile": "the whole table is written again while nobody can read or write",
        "numbered": "the whole table is written again while nobody can read or write",
    },
    recipes={
        "check": "add it NOT VALID (postgresql_not_valid=True), validate it in a later migration",
        "column check": "add the column alone, then its constraint NOT VALID",
        "foreign key": "add it NOT VALID (postgresql_not_valid=True), "
        "validate it in a later migration",
        "unique": "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … UNIQUE USING INDEX",
        "index": "CREATE INDEX CONCURRENTLY, in NAME.postgresql.sql or with "
        "postgresql_concurrently=True",
    },
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
                 relreplident, pg_table_is_visible(oid),
                 CASE WHEN relkind IN ('v', 'm') THEN md5(pg_get_viewdef(oid)) END,
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
SELECT 'collation', n.nspname, NULL, c.collname, ''
  FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT 'statistics', n.nspname, NULL, s.stxname, ''
  FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
UNION ALL
SELECT 'extension', NULL, NULL, extname, extversion FROM pg_catalog.pg_extension
"""

# Not rows that are inserted: a trigger on events may keep a log of all DDL.
WRITTEN_ROWS = """
SELECT * FROM (
    SELECT CAST(CAST(c.oid AS regclass) AS text) AS name,
           pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid)
               AS written
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                        WHERE d.classid = CAST('pg_catalog.pg_class' AS regclass)
                          AND d.objid = c.oid AND d.deptype = 'e')
) counted WHERE written > 0
"""
