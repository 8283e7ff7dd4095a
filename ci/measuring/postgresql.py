"""What can be seen of PostgreSQL: pg_locks, pg_stat_statements, and probes of tables.

pg_stat_statements counts by role, so what the watch does itself is not in it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from ci.measuring.eye import Held
from ci.measuring.plans import of_postgresql
from ci.measuring.probing import probes_of
from ci.measuring.sessions import Session
from ci.timing import Access, Counters, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ci.databases.base import Database
    from ci.measuring.eye import Probe

BLOCKS = {
    "AccessExclusiveLock": Access.READ,
    "ExclusiveLock": Access.WRITE,
    "ShareRowExclusiveLock": Access.WRITE,
    "ShareLock": Access.WRITE,
}
"""Whom a mode keeps out (PostgreSQL's manual, table 13.2)."""
BLOCK_BYTES = 8192
MOST_STATEMENTS = 50
PLANNED_SECONDS = 0.01
"""Statements that take less are not explained."""
MOST_PLANNED = 10
OURS = ("SET application_name = 'migrator ci'", "SET statement_timeout = '60s'")
PLANNING = {"options": "-c statement_timeout=5s"}
"""From the first moment: a driver asks for current_schema(), which may be anybody's."""
PLAN_SECONDS = 10
PROBING = {
    "application_name": "migrator ci",
    "options": "-c search_path=pg_catalog -c lock_timeout=40ms -c statement_timeout=1s",
}
"""It waits for much less than deadlock_timeout: a probe that waits for a row, and holds the table
that is changed next, is never why the server ends the migration. And it may be a view by now."""
BUSY = frozenset({"55P03", "40P01"})

LOCKS = """
SELECT DISTINCT c.relname AS table, l.mode, l.granted
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
JOIN pg_catalog.pg_class c ON c.oid = l.relation
WHERE a.usename = :role AND a.datname = current_database() AND l.locktype = 'relation'
  AND c.relkind IN ('r', 'p', 'm') AND c.oid >= 16384
"""
ROWS = """
SELECT relid, seq_tup_read + coalesce(idx_tup_fetch, 0) AS read,
       n_tup_ins + n_tup_upd + n_tup_del AS written
FROM pg_catalog.pg_stat_user_tables
"""
STATEMENTS = """
SELECT s.query, s.calls, s.total_exec_time / 1000 AS seconds, s.rows, s.wal_bytes::bigint AS log,
       s.temp_blks_written AS temporary
FROM public.pg_stat_statements s
JOIN pg_catalog.pg_roles r ON r.oid = s.userid
JOIN pg_catalog.pg_database d ON d.oid = s.dbid
WHERE r.rolname = :role AND d.datname = :database
ORDER BY s.total_exec_time DESC
"""
CUT = """
SELECT pg_catalog.pg_terminate_backend(a.pid)
FROM pg_catalog.pg_stat_activity a
WHERE a.usename = :role
"""
"""A function may catch that its statement is cancelled, and go on; the end of its session, none."""
SIZE = """
SELECT cast(coalesce(sum(pg_relation_size(leaf.relid)),
                     pg_relation_size(cast(:table AS regclass))) AS bigint)
FROM pg_partition_tree(cast(:table AS regclass)) leaf
WHERE leaf.isleaf
"""
MOST_BLOCKS = 5
"""Of which a probe reads all rows."""
ROW = """
SELECT 1 FROM {table} TABLESAMPLE SYSTEM ({share}) REPEATABLE ({number})
ORDER BY md5(ctid::text || '{number}') LIMIT 1 FOR NO KEY UPDATE
"""
"""The same row as long as its number is the same."""
NAME = """
SELECT format('%I.%I', n.nspname, c.relname) AS table
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname = :name
"""


Told: TypeAlias = "Sequence[sa.Row[Any]]"
"""Rows of STATEMENTS."""


class PostgreSQLEye:
    """Sees one database of a private server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        watching = sa.make_url(database.watching().url)
        migrating = sa.make_url(database.migrating().url)
        self._role, self._name = str(migrating.username), str(migrating.database)
        self._prober = str(sa.make_url(database.probing().url).username)
        self._locks = Session(watching, first=OURS)
        self._counts = Session(watching, first=OURS)
        self._server = Session(watching.set(database="postgres"), first=OURS)
        self._before: Mapping[int, tuple[int, int]] = {}

    def begin(self) -> None:
        """Remember how far its counters are; forget its statements so far."""
        self._server.do("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public")
        # Only a superuser can say so, and for roles; it holds for sessions to come.
        self._server.do(f"ALTER ROLE {self._prober} SET track_counts = off")
        self._before = self._rows()
        self._server.do("SELECT public.pg_stat_statements_reset()")

    def probes(self, tables: Sequence[str]) -> Sequence[Probe]:
        """Return a reader and a writer of each of *tables* that is there."""
        return [each for table in tables for each in self._probes(table)]

    def _probes(self, table: str) -> Iterable[Probe]:
        for row in self._counts.rows(NAME, {"name": table}):
            read = f"SELECT 1 FROM {row.table} LIMIT 1"  # noqa: S608 - quoted by format('%I')
            choose = partial(_some_row, table=row.table, numbers=count())
            yield from probes_of(table, opened=self._session, read=read, choose=choose, busy=BUSY)

    def _session(self) -> Session:
        url = sa.make_url(self._database.probing().url).update_query_dict(PROBING)
        session = Session(url)
        session.connection  # noqa: B018 - opened now, not while it is timed
        return session

    def locks(self) -> Iterable[Held]:
        """Return the locks on tables that others can see."""
        for row in self._locks.rows(LOCKS, {"role": self._role}):
            yield Held(
                table=row.table,
                mode=row.mode,
                waited=not row.granted,
                blocks=BLOCKS.get(row.mode),
            )

    def account(self) -> tuple[Counters, tuple[Statement, ...]]:
        """Return what was done since `begin`, and the slowest statements, with plans of scans.

        Rows of tables that are gone are not known.
        """
        told = self._server.rows(STATEMENTS, {"role": self._role, "database": self._name})
        return self._counters(told), tuple(self._statements(told[:MOST_STATEMENTS]))

    def _counters(self, told: Told) -> Counters:
        done = [
            (now - then)
            for table, counts in self._rows().items()
            for now, then in zip(counts, self._before.get(table, (0, 0)), strict=True)
        ]
        return Counters(
            rows_read=sum(done[::2]),
            rows_written=sum(done[1::2]),
            log_bytes=sum(each.log for each in told),
            temporary_bytes=BLOCK_BYTES * sum(each.temporary for each in told),
        )

    def _statements(self, told: Told) -> Iterator[Statement]:
        for number, each in enumerate(told):
            found = Statement(
                sql=each.query, calls=each.calls, seconds=each.seconds, rows=each.rows
            )
            yield self._planned(found) if number < MOST_PLANNED else found

    def _planned(self, statement: Statement) -> Statement:
        """Return *statement* with its plan, made with no more rights than it was run with."""
        if statement.seconds < PLANNED_SECONDS:
            return statement
        url = sa.make_url(self._database.planning().url).update_query_dict(PLANNING)
        session = Session(url)
        too_long = threading.Timer(PLAN_SECONDS, self._cut, [self._role])
        too_long.start()
        try:
            scans, plan = of_postgresql(session, statement.sql)
        except sa.exc.SQLAlchemyError:
            return statement
        finally:
            too_long.cancel()
            session.close()
        return replace(statement, scans=scans, plan=plan)

    def cut(self) -> None:
        """End the sessions of probes."""
        self._cut(self._prober)

    def _cut(self, role: str) -> None:
        with suppress(sa.exc.SQLAlchemyError):
            self._server.rows(CUT, {"role": role})

    def close(self) -> None:
        """End its sessions."""
        for each in (self._locks, self._counts, self._server):
            with suppress(sa.exc.SQLAlchemyError):
                each.close()

    def _rows(self) -> Mapping[int, tuple[int, int]]:
        return {row.relid: (row.read, row.written) for row in self._counts.rows(ROWS)}


def _some_row(session: Session, *, table: str, numbers: Iterator[int]) -> Sequence[str]:
    """Return what locks a row of one of a few blocks of *table*, quoted."""
    ((size,),) = session.rows(SIZE, {"table": table})
    size = size or 1  # none of a table that is empty, or gone
    share = min(100.0, 100.0 * MOST_BLOCKS * BLOCK_BYTES / size)
    lock = f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE"
    return "BEGIN", lock, ROW.format(table=table, share=share, number=next(numbers))
