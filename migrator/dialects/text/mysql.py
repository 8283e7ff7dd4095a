"""Texts of MySQL and MariaDB: words of its SQL that do no harm, and the query for its catalogue."""

from __future__ import annotations

from migrator.dialects.syntax import Syntax, words

SYNTAX = Syntax(
    quotes={"`": "`"},
    strings="'\"",
    backslashes=True,
    hash_comments=True,
    spaced_dashes=True,
    executable_comments=True,
    types=words(
        """
        BIGINT BINARY BIT BLOB BOOL BOOLEAN CHAR CHARACTER DATE DATETIME DEC DECIMAL DOUBLE ENUM
        FIXED
        FLOAT GEOMETRY GEOMETRYCOLLECTION INET4 INET6 INT INTEGER JSON LINESTRING LONG LONGBLOB
        LONGTEXT MEDIUMBLOB MEDIUMINT MEDIUMTEXT MULTILINESTRING MULTIPOINT MULTIPOLYGON NATIONAL
        NCHAR NUMERIC NVARCHAR POINT POLYGON REAL SERIAL SET SMALLINT TEXT TIME TIMESTAMP TINYBLOB
        TINYINT TINYTEXT UUID VARBINARY VARCHAR VECTOR YEAR
        """
    ),
    settings=words(
        """
        INNODB_LOCK_WAIT_TIMEOUT LOCK_WAIT_TIMEOUT MAX_EXECUTION_TIME MAX_STATEMENT_TIME
        NET_READ_TIMEOUT NET_WRITE_TIMEOUT WAIT_TIMEOUT
        """
    ),
    functions=words(
        """
        BIN_TO_UUID CONNECTION_ID CONVERT CURDATE CURRENT_USER DATABASE DATE_ADD
        DATE_FORMAT DATE_SUB FORMAT GROUP_CONCAT HEX IF IFNULL INSTR ISNULL JSON_EXTRACT
        JSON_UNQUOTE JSON_VALID LPAD MD5 RPAD SCHEMA UNHEX UNIX_TIMESTAMP USER
        UTC_TIMESTAMP VERSION
        """
    ),
    volatile=words("RAND RANDOM_BYTES SYS_GUID SYSDATE UUID UUID_SHORT UUID_TO_BIN"),
    inline_indexes=True,
    implicit_timestamps=True,
    late_defaults=True,
    blocking={
        "check": "the table is copied while nobody can write",
        "foreign key": "the table is copied while nobody can write",
        "unique": "the index is built by the statement that adds the column",
        "stored": "the table is copied while nobody can write",
        "volatile": "the table is copied while nobody can write",
        "numbered": "the table is copied while nobody can write",
    },
    recipes={
        "check": "check it in the application",
        "unique": "add the column alone, then CREATE UNIQUE INDEX",
    },
)

CATALOGUE_OF_TABLES = """
SELECT CASE table_type WHEN 'VIEW' THEN 'view' WHEN 'SEQUENCE' THEN 'sequence'
                       ELSE 'table' END AS thing,
       NULL AS `schema`, NULL AS `table`, table_name AS name,
       CONCAT_WS(' ', table_type, engine, table_collation, create_options) AS definition
  FROM information_schema.tables WHERE table_schema = DATABASE() AND {table_name}
UNION ALL
SELECT 'column', NULL, table_name, column_name,
       CONCAT_WS(' ', column_type, 'null', is_nullable, character_set_name, collation_name, extra,
                 generation_expression, 'default', COALESCE(column_default, 'none'))
  FROM information_schema.columns WHERE table_schema = DATABASE() AND {table_name}
UNION ALL
SELECT 'index', NULL, table_name, index_name,
       CONCAT_WS(' ', LPAD(seq_in_index, 3, '0'), column_name, sub_part, collation, index_type,
                 'repeats', non_unique)
  FROM information_schema.statistics WHERE table_schema = DATABASE() AND {table_name}
UNION ALL
SELECT 'constraint', NULL, table_name, constraint_name, CONCAT('0 ', constraint_type)
  FROM information_schema.table_constraints WHERE table_schema = DATABASE() AND {table_name}
UNION ALL
SELECT 'constraint', NULL, table_name, constraint_name,
       CONCAT_WS(' ', '1', LPAD(ordinal_position, 3, '0'), column_name, referenced_table_schema,
                 referenced_table_name, referenced_column_name)
  FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND {table_name}
UNION ALL
SELECT 'constraint', NULL, table_name, constraint_name,
       CONCAT_WS(' ', '2', update_rule, delete_rule)
  FROM information_schema.referential_constraints
 WHERE constraint_schema = DATABASE() AND {table_name}
UNION ALL
SELECT 'constraint', NULL, t.table_name, c.constraint_name, CONCAT('3 ', c.check_clause)
  FROM information_schema.check_constraints c
  JOIN information_schema.table_constraints t
    ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
   AND t.constraint_type = 'CHECK'
 WHERE c.constraint_schema = DATABASE() AND {t.table_name}
UNION ALL
SELECT 'trigger', NULL, event_object_table, trigger_name,
       CONCAT_WS(' ', event_manipulation, action_timing, MD5(action_statement))
  FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND {event_object_table}
UNION ALL
SELECT 'partition', NULL, table_name, partition_name,
       CONCAT_WS(' ', partition_method, partition_expression, partition_description)
  FROM information_schema.partitions
 WHERE table_schema = DATABASE() AND {table_name} AND partition_name IS NOT NULL
UNION ALL
SELECT 'view', NULL, NULL, table_name, MD5(view_definition)
  FROM information_schema.views WHERE table_schema = DATABASE() AND {table_name}
"""

CATALOGUE_OF_ALL = """
UNION ALL
SELECT LOWER(routine_type), NULL, NULL, routine_name, MD5(routine_definition)
  FROM information_schema.routines WHERE routine_schema = DATABASE()
UNION ALL
SELECT 'event', NULL, NULL, event_name, CONCAT_WS(' ', status, MD5(event_definition))
  FROM information_schema.events WHERE event_schema = DATABASE()
"""
