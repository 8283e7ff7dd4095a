"""Words of SQL that every database has: harmless functions, and what may stand before `(`."""

from __future__ import annotations

from migrator.dialects.syntax import words

WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "TRUNCATE", "INTO"})
"""Write rows wherever they stand outside of quotes; REPLACE not as a function."""

ACTS = words("ALTER CALL CREATE DROP DUMPFILE EXECUTE GRANT LOCK OUTFILE PROCEDURE REVOKE")
"""Do more than read; none of them belongs into a query."""

BEFORE_PARENTHESIS = words(
    """
    ALL AND ANY ARRAY AS BETWEEN CASE CHECK DISTINCT ELSE EXCEPT EXISTS FROM GROUP HAVING
    ILIKE IN INTERSECT INTERVAL IS JOIN LATERAL LIKE LIMIT NOT OFFSET ON OR ROW SELECT SOME
    THEN UNION USING VALUES WHEN WHERE
    """
)
"""Followed by a parenthesis these are no call of a function: none may be the name of one."""

AFTER = {
    "BY": words("GROUP ORDER PARTITION"),
    "FILTER": words(")"),
    "MATERIALIZED": words("AS NOT"),
    "OVER": words(")"),
    "SETS": words("GROUPING"),
}
"""No call of a function either, but only after one of these: some databases let functions be
called so."""

TYPES = words(
    """
    BIGINT BINARY BIT BLOB BOOL BOOLEAN CHAR CHARACTER CLOB DATE DATETIME DEC DECIMAL DOUBLE
    ENUM FLOAT INT INTEGER INTERVAL JSON LONGTEXT MEDIUMINT NATIONAL NCHAR NUMERIC NVARCHAR
    PRECISION REAL SIGNED SMALLINT TEXT TIME TIMESTAMP TIMESTAMPTZ TINYINT UNSIGNED UUID
    VARBINARY VARCHAR VARYING YEAR
    """
)
"""Types that may be called as functions or stand in a cast."""

STRICT = words(
    """
    ABS CHARACTER_LENGTH CHAR_LENGTH JSON_VALID LENGTH LOWER OCTET_LENGTH TRIM UPPER
    """
)
"""Functions of NULL that are NULL."""

TOTAL = words(
    """
    CHARACTER_LENGTH CHAR_LENGTH COALESCE LENGTH LOWER LTRIM NULLIF OCTET_LENGTH RTRIM TRIM
    UPPER
    """
)
"""Functions that never fail, whatever a row holds."""

STABLE = words(
    """
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP NOW
    STATEMENT_TIMESTAMP TIMEZONE TRANSACTION_TIMESTAMP
    """
)
"""Functions that have one value in a statement."""

FUNCTIONS = (
    STRICT
    | TOTAL
    | STABLE
    | TYPES
    | words(
        """
    AVG CAST CEIL CEILING CONCAT CONCAT_WS COUNT EXTRACT FLOOR GREATEST LEAST LEFT MAX MIN
    MOD POSITION POWER REPLACE REVERSE RIGHT ROUND SIGN SQRT SUBSTR SUBSTRING SUM
    """
    )
)
"""Functions that only compute."""
