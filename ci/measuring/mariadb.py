"""What can be seen of MariaDB and MySQL: the performance schema, the redo log, and probes.

Only sessions of the code under test are instrumented, so the performance schema has what
they have sent and no more.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ci.measuring.eye import Held
from ci.measuring.plans import of_mariadb
from ci.measuring.probing import probes_of
from ci.measuring.sessions import Session
from ci.timing import Access, Counters, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ci.databases.base import Database
    from ci.measuring.eye import Probe

PICOSECONDS = 1e12
MOST_STATEMENTS = 50
MOST_PLANNED = 10
BLOCKS = {
    "EXCLUSIVE": Access.READ,
    "SHARED_NO_READ_WRITE": Access.READ,
    "SHARED_NO_WRITE": Access.WRITE,
    "SHARED_READ_ONLY": Access.WRITE,
}
"""Whom a metadata lock keeps out."""
UNSEEN = (
    "UPDATE performance_schema.threads SET INSTRUMENTED = 'NO' "
    "WHERE PROCESSLIST_ID = CONNECTION_ID()"
)
PROBING = ("SET innodb_lock_wait_timeout = 1", "SET lock_wait_timeout = 1")
PROBE_SECONDS = 3
"""What is probed may be a view by now; it is more than it waits for a table and for a row."""
PLAN_SECONDS = 5
OUR_SECONDS = 60
"""What is asked of the catalogue."""
BUSY = frozenset({1205, 1213, 3572})
ACTORS = "TRUNCATE performance_schema.setup_actors"
ACTOR = (
    "INSERT INTO performance_schema.setup_actors (HOST, USER, ROLE, ENABLED, HISTORY) "
    "VALUES ('%', '{role}', '%', 'YES', 'YES')"
)
SPILLS = (
    "wait/io/file/aria/MAD",  # tables that a statement makes for itself
    "wait/io/file/innodb/innodb_temp_file",  # what an index is sorted in
    "wait/io/file/sql/io_cache",  # what rows are sorted in
)
INSTRUMENTS = (
    "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES', TIMED = 'YES' "
    "WHERE NAME LIKE 'statement/%' OR NAME = 'wait/lock/metadata/sql/mdl'",
    f"UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME IN {SPILLS}",  # noqa: S608 - ours
    "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' "
    "WHERE NAME IN ('global_instrumentation', 'thread_instrumentation', 'statements_digest', "
    "'events_statements_current', 'events_statements_history_long')",
)
FORGET = (
    "TRUNCATE performance_schema.events_statements_summary_by_digest",
    "TRUNCATE performance_schema.events_statements_history_long",
    "TRUNCATE performance_schema.file_summary_by_event_name",
)
TEMPORARY = f"""
SELECT coalesce(sum(SUM_NUMBER_OF_BYTES_WRITE), 0) AS written
FROM performance_schema.file_summary_by_event_name
WHERE EVENT_NAME IN {SPILLS}
"""  # noqa: S608 - ours
LOCKS = """
SELECT DISTINCT m.OBJECT_NAME AS name, m.LOCK_TYPE AS mode, m.LOCK_STATUS AS state
FROM performance_schema.metadata_locks m
JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID
WHERE t.PROCESSLIST_USER = :role AND m.OBJECT_TYPE = 'TABLE' AND m.OBJECT_SCHEMA = :database
"""
PLUGIN = """
SELECT 1 FROM information_schema.PLUGINS
WHERE PLUGIN_NAME = 'METADATA_LOCK_INFO' AND PLUGIN_STATUS = 'ACTIVE'
"""
LOCKS_OF_PLUGIN = f"""
SELECT DISTINCT i.TABLE_NAME AS name, i.LOCK_MODE AS mode, 'GRANTED' AS state
FROM information_schema.METADATA_LOCK_INFO i
JOIN performance_schema.threads t ON t.PROCESSLIST_ID = i.THREAD_ID
WHERE t.PROCESSLIST_USER = :role AND i.LOCK_TYPE = 'Table metadata lock'
  AND i.TABLE_SCHEMA = :database
UNION ALL
{LOCKS.strip()} AND m.LOCK_STATUS = 'PENDING'
"""  # noqa: S608 - ours
"""The performance schema goes on to show a lock in the mode in which it was first granted."""
STATEMENTS = """
SELECT DIGEST_TEXT AS query, COUNT_STAR AS calls, SUM_TIMER_WAIT AS spent,
       SUM_ROWS_AFFECTED AS written, SUM_ROWS_SENT AS sent, SUM_ROWS_EXAMINED AS examined
FROM performance_schema.events_statements_summary_by_digest
WHERE DIGEST_TEXT IS NOT NULL AND (SCHEMA_NAME = :database OR SCHEMA_NAME IS NULL)
ORDER BY SUM_TIMER_WAIT DESC
"""
SCANNING = """
SELECT e.DIGEST_TEXT AS query, max(e.SQL_TEXT) AS text
FROM performance_schema.events_statements_history_long e
WHERE e.CURRENT_SCHEMA = :database AND e.NO_INDEX_USED = 1 AND e.DIGEST_TEXT IS NOT NULL
GROUP BY e.DIGEST_TEXT
"""
SESSIONS = "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = :role"
REDO = "SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'"
NAME = """
SELECT t.TABLE_NAME AS name
FROM information_schema.TABLES t
WHERE t.TABLE_SCHEMA = :database AND t.TABLE_NAME = :name AND t.TABLE_TYPE = 'BASE TABLE'
"""
KEY = """
SELECT c.COLUMN_NAME AS name
FROM information_schema.COLUMNS c
JOIN information_schema.STATISTICS s USING (TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME)
WHERE c.TABLE_SCHEMA = :database AND c.TABLE_NAME = :name
  AND s.INDEX_NAME = 'PRIMARY' AND s.SEQ_IN_INDEX = 1
  AND c.DATA_TYPE IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint')
"""
"""A number by which a row can be found."""


class MariaDBEye:
    """Sees one database of a private server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        watching = sa.make_url(database.watching().url)
        migrating = sa.make_url(database.migrating().url)
        self._role, self._name = str(migrating.username), str(migrating.database)
        self._prober = str(sa.make_url(database.probing().url).username)
        ours = (UNSEEN, self._within(OUR_SECONDS))
        self._locks = Session(watching, first=ours)
        self._counts = Session(watching, first=ours)
        self._redo = 0
        self._asked = LOCKS

    def begin(self) -> None:
        """Remember how far its counters are; forget its statements so far."""
        self._counts.do(ACTORS, ACTOR.format(role=self._role), *INSTRUMENTS, *FORGET)
        self._redo = self._written()
        self._asked = LOCKS_OF_PLUGIN if self._counts.rows(PLUGIN) else LOCKS

    def probes(self, tables: Sequence[str]) -> Sequence[Probe]:
        """Return a reader and a writer of each of *tables* that is there."""
        return [each for table in tables for each in self._probes(table)]

    def _probes(self, table: str) -> Iterable[Probe]:
        values = {"database": self._name, "name": table}
        for row in self._counts.rows(NAME, values):
            keys = [_quoted(each.name) for each in self._counts.rows(KEY, values)]
            name = _quoted(row.name)
            read = f"SELECT 1 FROM {name} LIMIT 1"  # noqa: S608 - quoted
            choose = partial(_some_row, table=name, keys=keys)
            yield from probes_of(table, opened=self._session, read=read, choose=choose, busy=BUSY)

    def _session(self) -> Session:
        first = (*PROBING, self._within(PROBE_SECONDS))
        session = Session(self._database.probing().url, first=first)
        session.connection  # noqa: B018 - opened now, not while it is timed
        return session

    def locks(self) -> Iterable[Held]:
        """Return the metadata locks on tables."""
        values = {"role": self._role, "database": self._name}
        for row in self._locks.rows(self._asked, values):
            mode = row.mode.removeprefix("MDL_")
            yield Held(
                table=row.name,
                mode=mode,
                waited=row.state == "PENDING",
                blocks=BLOCKS.get(mode),
            )

    def account(self) -> tuple[Counters, tuple[Statement, ...]]:
        """Return what was done since `begin`, and the slowest statements, with plans of scans.

        The redo is that of the whole server.
        """
        redo = self._written() - self._redo
        told = self._counts.rows(STATEMENTS, {"database": self._name})
        (temporary,) = self._counts.rows(TEMPORARY)
        counters = Counters(
            rows_read=sum(int(each.examined) for each in told),
            rows_written=sum(int(each.written) for each in told),
            log_bytes=redo,
            temporary_bytes=int(temporary.written),
        )
        return counters, tuple(self._statements(told[:MOST_STATEMENTS]))

    def _statements(self, told: Sequence[sa.Row[Any]]) -> Iterator[Statement]:
        scanning = {
            row.query: row.text for row in self._counts.rows(SCANNING, {"database": self._name})
        }
        for number, each in enumerate(told):
            found = Statement(
                sql=each.query,
                calls=each.calls,
                seconds=int(each.spent) / PICOSECONDS,
                rows=int(each.written + each.sent),
            )
            text = scanning.get(each.query) if number < MOST_PLANNED else None
            yield self._planned(found, text)

    def _planned(self, statement: Statement, text: str | None) -> Statement:
        """Return *statement* with its plan, made with no more rights than it was run with."""
        if text is None:
            return statement
        session = Session(self._database.planning().url, first=(self._within(PLAN_SECONDS),))
        try:
            scans, plan = of_mariadb(session, text)
        except sa.exc.SQLAlchemyError:
            return statement
        finally:
            session.close()
        return replace(statement, scans=scans, plan=plan)

    def _within(self, seconds: int) -> str:
        """Return what ends statements after *seconds*; MySQL ends only those that read."""
        if "MariaDB" in self._database.version:
            return f"SET max_statement_time = {seconds}"
        return f"SET max_execution_time = {1000 * seconds}"

    def cut(self) -> None:
        """End the sessions of probes."""
        for row in self._counts.rows(SESSIONS, {"role": self._prober}):
            with suppress(sa.exc.SQLAlchemyError):  # it has just gone by itself
                self._counts.do(f"KILL {row.id}")

    def close(self) -> None:
        """End its sessions."""
        for each in (self._locks, self._counts):
            with suppress(sa.exc.SQLAlchemyError):
                each.close()

    def _written(self) -> int:
        (row,) = self._counts.rows(REDO)
        return int(row.Value)


def _quoted(name: str) -> str:
    return "`{}`".format(name.replace("`", "``"))


def _some_row(session: Session, *, table: str, keys: Sequence[str]) -> Sequence[str]:
    """Return what locks a row of *table*; the first one where there is no key to go by."""
    for key in keys:
        chosen = f"min({key}) + floor(rand() * (max({key}) - min({key}) + 1))"
        (number,) = session.send(f"SELECT {chosen} FROM {table}").one()  # noqa: S608 - quoted
        if number is not None:
            where = f"WHERE {key} >= {int(number)} ORDER BY {key}"
            return "BEGIN", f"SELECT 1 FROM {table} {where} LIMIT 1 FOR UPDATE"  # noqa: S608 - the same
    return "BEGIN", f"SELECT 1 FROM {table} LIMIT 1 FOR UPDATE"  # noqa: S608 - the same
