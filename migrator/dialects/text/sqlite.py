"""Texts of SQLite: words of its SQL that do no harm, and the query for its catalogue."""

from __future__ import annotations

from migrator.dialects.syntax import Syntax, words

SYNTAX = Syntax(
    quotes={'"': '"', "`": "`", "[": "]"},
    pragmas=words(
        """
        COMPILE_OPTIONS DATABASE_LIST FOREIGN_KEY_CHECK FOREIGN_KEY_LIST FREELIST_COUNT
        INDEX_INFO INDEX_LIST INDEX_XINFO INTEGRITY_CHECK PAGE_COUNT QUICK_CHECK
        TABLE_INFO TABLE_LIST TABLE_XINFO
        """
    ),
    functions=words(
        """
        CHANGES GROUP_CONCAT HEX IFNULL IIF INSTR JSON_EXTRACT JSON_VALID PRINTF QUOTE
        SQLITE_VERSION STRFTIME TOTAL TYPEOF UNICODE
        """
    ),
    volatile=words("RANDOM RANDOMBLOB"),
    late_defaults=True,
    blocking={"unique": "SQLite cannot add a column that is unique"},
    recipes={"unique": "add the column alone, then CREATE UNIQUE INDEX"},
)

CATALOGUE = """
SELECT m.type AS thing, NULL AS "schema",
       CASE WHEN m.type IN ('index', 'trigger') THEN m.tbl_name END AS "table",
       m.name AS name, coalesce(m.sql, '') AS definition
  FROM sqlite_master m WHERE {condition}
UNION ALL
SELECT 'column', NULL, m.name, c.name,
       'column ' || coalesce(c.type, '') || ' not null ' || c."notnull" || ' key ' || c.pk
       || ' hidden ' || c.hidden || ' default ' || coalesce(c.dflt_value, 'none')
  FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c
 WHERE m.type = 'table' AND {condition}
"""
