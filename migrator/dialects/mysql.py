"""MySQL and MariaDB: DDL that commits by itself, GET_LOCK, triggers as fences."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from typing_extensions import override

from migrator.dialects.base import SCRATCH, Capabilities, Dialect, Transient
from migrator.dialects.text.mysql import CATALOGUE_OF_ALL, CATALOGUE_OF_TABLES, SYNTAX

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW_ERRORS = (
    *("1048", "1062", "1169", "1451", "1452", "1586", "3819", "4025"),  # constraints
    *("1264", "1265", "1292", "1366", "1406", "1416", "1525", "1690"),  # what a column takes
    *("1300", "1367", "1411", "1441", "1977", "3854", "3988"),  # what text can be read as
    *("1139", "1242", "1301", "1365"),  # what an expression can work with
    *("3140", "3141", "3143", "3146", "3156", "4038"),  # what JSON is
    "1644",  # SIGNAL in a trigger
)

# Locks are the server's, not the database's, and their names are short.
RUNNER_LOCK = "CONCAT('migrator.', SHA1(DATABASE()))"

SESSIONS = """
SELECT p.id AS session, p.user AS user, NULL AS application, p.host AS host,
       CASE WHEN t.trx_id IS NULL THEN p.command ELSE 'in a transaction' END AS state,
       DATE_FORMAT(COALESCE(t.trx_started, NOW() - INTERVAL p.time SECOND),
                   '%Y-%m-%d %H:%i:%s') AS since
  FROM information_schema.processlist p
  LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
"""

# One that was prepared, and whose session has ended or whose server was started anew.
PREPARED = """
UNION ALL
SELECT NULL, NULL, NULL, NULL, 'a prepared transaction: see XA RECOVER',
       DATE_FORMAT(trx_started, '%Y-%m-%d %H:%i:%s')
  FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = 0
"""


_ENUM = re.compile(r"enum\((.*)\) .*")
_VARCHAR = re.compile(r"varchar\((\d+)\) ([a-z0-9]+)_\w+")
_BYTES = {"ascii": 1, "latin1": 1, "utf8": 3, "utf8mb3": 3, "utf8mb4": 4}
"""Character set → bytes of a character at most."""
ONE_BYTE = 255


class MySQL(Dialect):
    """MySQL 8.0 and later."""

    name = "mysql"
    families: ClassVar[tuple[str, ...]] = ("mysql",)
    exact_collation: ClassVar[str] = "utf8mb4_0900_bin"
    """Collation that tells case, accents and trailing spaces apart."""
    sqlalchemy = "mysql"
    drivers: ClassVar[dict[str, str]] = {"pymysql": "mysql", "MySQLdb": "mysqlclient"}
    syntax = SYNTAX
    scratch = (
        f"CREATE TEMPORARY TABLE {SCRATCH} LIKE {{table}}",
        f"SHOW FULL COLUMNS FROM {SCRATCH}",
        f"DROP TEMPORARY TABLE {SCRATCH}",
    )
    capabilities = Capabilities(
        transactional_ddl=False,
        advisory_locks=True,
        row_locks=True,
        lock_timeout=True,
        concurrent_index=False,
        ordered_assignments=True,
        late_validation=False,
        typed_values=False,
        ordered_enums=False,
    )
    catalogue_of_tables: ClassVar[str] = CATALOGUE_OF_TABLES
    transient: ClassVar[dict[str, Transient]] = {
        "1205": Transient.LOCKED,
        "1213": Transient.DEADLOCK,
        "1020": Transient.SERIALIZATION,
        "1412": Transient.ALTERED,
        "1053": Transient.LOST,
        "1927": Transient.LOST,
        "2002": Transient.LOST,
        "2003": Transient.LOST,
        "2006": Transient.LOST,
        "2013": Transient.LOST,
    }
    timeouts: ClassVar[frozenset[str]] = frozenset({"1317", "1969", "3024"})
    denied: ClassVar[frozenset[str]] = frozenset({"1044", "1142", "1143", "1227", "1370"})
    read_only: ClassVar[frozenset[str]] = frozenset({"1290", "1792", "1836"})
    row_errors: ClassVar[tuple[str, ...]] = ROW_ERRORS
    fenced = "migrator: a contract is dropping what this statement writes"

    @override
    def now(self) -> sa.ColumnElement[float]:
        """Return whole seconds: only they do not depend on the time zone of the session."""
        return sa.literal_column("unix_timestamp()", sa.Double())

    @override
    def set_lock_timeout(self, seconds: float) -> str | None:
        """Return SET for metadata and row locks, which are counted in whole seconds."""
        whole = max(1, ceil(seconds))
        return f"SET SESSION lock_wait_timeout = {whole}, innodb_lock_wait_timeout = {whole}"

    @override
    def isolation_level(self) -> str | None:
        """Return READ COMMITTED: REPEATABLE READ would lock the gaps of every range."""
        return "READ COMMITTED"

    @override
    def same(
        self, column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[bool]:
        """Compare text byte by byte: the column's own collation may say that 'a' is 'A'.

        A FLOAT is compared as it is printed: what is read of it is not what it holds.
        """
        single = isinstance(column.type, sa.Float) and not isinstance(column.type, sa.Double)
        if not isinstance(column.type, sa.String) and not single:
            return column.is_not_distinct_from(value)
        # Here, because applications on other databases import this module too.
        from sqlalchemy.dialects.mysql import CHAR

        exact = (
            sa.collate(sa.cast(each, CHAR(charset="utf8mb4")), self.exact_collation)
            for each in (column, value)
        )
        return next(exact).is_not_distinct_from(next(exact))

    @override
    def catalogue(self, *, restricted: bool) -> str:
        """Return the query for tables and what hangs on them; for all, routines and events too."""
        condition = r"\1 IN :tables" if restricted else "TRUE"
        query = re.sub(r"\{(\S+)\}", condition, self.catalogue_of_tables)
        return query if restricted else query + CATALOGUE_OF_ALL

    @override
    def session(self) -> str:
        return "SELECT CONNECTION_ID()"

    @override
    def try_lock(self) -> str:
        return f"SELECT GET_LOCK({RUNNER_LOCK}, 0)"

    @override
    def unlock(self) -> str:
        return f"SELECT RELEASE_LOCK({RUNNER_LOCK})"

    @override
    def lock_holder(self) -> str:
        return f"SELECT IS_USED_LOCK({RUNNER_LOCK})"

    @override
    def sessions(self) -> str:
        return SESSIONS + "WHERE p.id = :session"

    @override
    def blockers(self) -> str:
        # Which session holds a metadata lock is known to an optional plugin only.
        return SESSIONS + "WHERE t.trx_id IS NOT NULL AND p.id <> :session" + PREPARED

    fenced_row: ClassVar[str | None] = "NEW"
    lock_aliases: ClassVar[bool] = True
    locks_referenced: ClassVar[bool] = True
    algorithms: ClassVar[tuple[str, ...]] = ("INSTANT", "INPLACE")

    @override
    def fences(self) -> str:
        return """
            SELECT NULL AS `schema`, event_object_table AS `table`, trigger_name AS name,
                   TRUE AS valid, TRUE AS visible
              FROM information_schema.triggers
             WHERE trigger_schema = DATABASE() AND left(trigger_name, 15) = 'migrator_fence_'"""

    @override
    def triggers(self) -> str:
        return """
            SELECT NULL AS `schema`, trigger_name AS name, action_statement AS body
              FROM information_schema.triggers
             WHERE trigger_schema = DATABASE() AND event_object_table = :table
               AND left(trigger_name, 15) <> 'migrator_fence_'"""

    @override
    def views(self) -> str:
        return """
            SELECT NULL AS `schema`, table_name AS name, view_definition AS body
              FROM information_schema.views WHERE table_schema = DATABASE()"""

    @override
    def raise_fence(self, table: str, name: str, predicate: str) -> tuple[str, ...]:
        refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{self.fenced}'"
        return tuple(
            f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} FOR EACH ROW "
            f"IF {predicate} THEN {refuse}; END IF"
            for trigger, event in zip(self.fence_names(name), ("INSERT", "UPDATE"), strict=True)
        )

    @override
    def validate_fence(self, table: str, name: str) -> None:
        return None

    @override
    def lift_fence(self, table: str, name: str) -> str:
        return f"DROP TRIGGER IF EXISTS {name}"

    @override
    def fence_names(self, name: str) -> tuple[str, ...]:
        return (f"{name}_i", f"{name}_u")

    @override
    def lock_tables(self, written: Sequence[str], read: Sequence[str]) -> tuple[str, ...]:
        locks = [f"{table} WRITE" for table in written] + [f"{table} READ" for table in read]
        return (f"LOCK TABLES {', '.join(locks)}",)

    @override
    def unlock_tables(self) -> str:
        return "UNLOCK TABLES"

    @override
    def cannot_fence(self) -> frozenset[str]:
        # TRIGGER denied; SUPER needed; the same because of the binary log.
        return frozenset({"1142", "1227", "1419"})

    @override
    def cheapest(self, alter: str) -> tuple[str, ...]:
        if not re.match(r"\s*ALTER\s+TABLE\b", alter, re.I) or re.search("ALGORITHM", alter, re.I):
            return (alter,)
        return (*(f"{alter}, ALGORITHM={each}" for each in self.algorithms), alter)

    @override
    def not_this_way(self) -> frozenset[str]:
        # Not supported, not supported for a reason, and syntax: PARTITION BY has to come last.
        return frozenset({"1845", "1846", "1064"})

    @override
    def is_wider(self, before: str, after: str) -> bool:
        was, now = _ENUM.fullmatch(before), _ENUM.fullmatch(after)
        if was and now:
            return now[1].startswith(f"{was[1]},")
        was, now = _VARCHAR.fullmatch(before), _VARCHAR.fullmatch(after)
        if not (was and now and was[2] == now[2] in _BYTES):
            return False
        # A length needs one byte or two, and the table is copied when that changes.
        bytes_of = [int(each[1]) * _BYTES[each[2]] for each in (was, now)]
        return bytes_of[0] <= bytes_of[1] and (bytes_of[0] > ONE_BYTE or bytes_of[1] <= ONE_BYTE)

    @override
    def script_head(self, lock_timeout: float) -> tuple[str, ...]:
        taken = f"COALESCE(GET_LOCK({RUNNER_LOCK}, {max(1, ceil(lock_timeout))}), 0)"
        return (
            f"{self.set_lock_timeout(lock_timeout)};",
            "-- Fails with 'Subquery returns more than 1 row' while another migrator runs.",
            f"{self.stop_unless(f'{taken} = 1')};",
        )

    @override
    def stop_unless(self, condition: str) -> str:
        return super().stop_unless(condition).replace(" WHERE", " FROM DUAL WHERE", 1)

    @override
    def script_foot(self) -> tuple[str, ...]:
        return (f"SELECT RELEASE_LOCK({RUNNER_LOCK});",)

    @override
    def script_statement(self, text: str) -> str:
        if ";" not in text:
            return f"{text};"
        end = next(each for each in ("//", "$$", "@@", "~~~~") if each not in text)
        return f"DELIMITER {end}\n{text}\n{end}\nDELIMITER ;"

    @override
    def utc_now(self) -> str:
        return "UTC_TIMESTAMP()"
