"""MariaDB's catalogue: its tables in words, their sizes, its roles and sessions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUPERUSER, OWNER, PROBE = "ci", "app", "probe"
TABLES = sa.text(
    "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = :database AND table_type = 'BASE TABLE' ORDER BY 1"
)
TRIGGERS = sa.text(
    "SELECT event_object_table, trigger_name, action_timing, event_manipulation, action_statement"
    " FROM information_schema.triggers WHERE trigger_schema = :database ORDER BY 1, 2"
)
SIZES = sa.text(
    "SELECT table_name, table_rows, data_length, index_length FROM information_schema.tables"
    " WHERE table_schema = :database AND table_type = 'BASE TABLE' ORDER BY 1"
)
SESSIONS = sa.text("SELECT id FROM information_schema.processlist WHERE user = :role")
USERS = sa.text(
    "SELECT user, host FROM mysql.user WHERE user NOT IN ('ci', 'app', 'probe', 'mariadb.sys')"
    " AND user NOT LIKE 'mysql.%'"
)
COUNTER = re.compile(r" AUTO_INCREMENT=\d+")


def make_roles(connection: sa.Connection, *, database: str, passwords: Mapping[str, str]) -> None:
    """Make the database, its owner, the superuser, and nobody else.

    A dump names definers, most often root: where there is none, none gets its power.
    """
    quote = connection.dialect.identifier_preparer.quote
    for role, password in passwords.items():
        connection.execute(
            sa.text("CREATE USER :role@'localhost' IDENTIFIED BY :password"),
            {"role": role, "password": password},
        )
    connection.exec_driver_sql(f"CREATE DATABASE {quote(database)} CHARACTER SET utf8mb4")
    connection.exec_driver_sql(f"GRANT ALL ON {quote(database)}.* TO '{OWNER}'@'localhost'")
    connection.exec_driver_sql(
        f"GRANT SELECT, UPDATE, LOCK TABLES ON {quote(database)}.* TO '{PROBE}'@'localhost'"
    )
    connection.exec_driver_sql(f"GRANT ALL ON *.* TO '{SUPERUSER}'@'localhost' WITH GRANT OPTION")
    for user, host in connection.execute(USERS).all():
        connection.execute(sa.text("DROP USER :user@:host"), {"user": user, "host": host})


def tables(connection: sa.Connection, database: str) -> list[str]:
    """Return the names of the tables, in order."""
    return list(connection.scalars(TABLES, {"database": database}))


def analyze(connection: sa.Connection, database: str) -> None:
    """Make the statistics of every table anew."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    for name in tables(connection, database):
        # Some thousand pages a table at the most, whatever its size.
        connection.exec_driver_sql(f"ANALYZE TABLE {quote(database)}.{quote(name)}").all()


def schema(connection: sa.Connection, database: str) -> Mapping[str, tuple[str, ...]]:
    """Return columns, keys, constraints and triggers of each table, in the server's words."""
    found = {name: [*_lines(connection, database, name)] for name in tables(connection, database)}
    for table, *words in connection.execute(TRIGGERS, {"database": database}):
        found[table].append(f"TRIGGER {' '.join(words)}")
    return {name: tuple(lines) for name, lines in found.items()}


def _lines(connection: sa.Connection, database: str, name: str) -> Iterator[str]:
    """Yield the columns in their order, then the keys and the table's options in theirs."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    shown = connection.exec_driver_sql(f"SHOW CREATE TABLE {quote(database)}.{quote(name)}").one()
    _, *lines = COUNTER.sub("", shown[1]).split("\n")
    words = [line.strip().removesuffix(",") for line in lines]
    yield from (each for each in words if each.startswith("`"))
    # Those of keys depend on the order in which they were made.
    yield from sorted(each for each in words if not each.startswith("`"))


def sizes(connection: sa.Connection, database: str) -> Mapping[str, tuple[int, int, int]]:
    """Return rows, and bytes of the table and of its indexes, as they are now."""
    analyze(connection, database)
    rows = connection.execute(SIZES, {"database": database})
    return {name: (int(count or 0), int(data), int(index)) for name, count, data, index in rows}


def end_prepared(connection: sa.Connection, *, mysql: bool) -> None:
    """Roll back the distributed transactions that outlive their sessions."""
    if mysql:
        rows = connection.exec_driver_sql("XA RECOVER CONVERT XID").all()
        names = [_xid(*row) for row in rows]
    else:
        names = [row[3] for row in connection.exec_driver_sql("XA RECOVER FORMAT='SQL'")]
    for name in names:
        connection.exec_driver_sql(f"XA ROLLBACK {name}")


def _xid(kind: int, length: int, _: int, data: str) -> str:
    digits = data.removeprefix("0x")
    return f"X'{digits[: 2 * length]}',X'{digits[2 * length :]}',{kind}"
