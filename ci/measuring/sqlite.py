"""What can be seen of SQLite: its file, and whether others may read and write it.

It has no sessions to ask, so statements and their times are what the tool itself tells, and
a lock is seen by those whom it keeps out.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ci.measuring.eye import Probe
from ci.timing import Access, Counters, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ci.databases.base import Database

RETRY_SECONDS = 0.002


class SQLiteEye:
    """Sees one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._path = Path(str(sa.make_url(database.watching().url).database))
        self._sizes = (0, 0)

    def begin(self) -> None:
        """Remember how large it is."""
        self._sizes = self._size()

    def probes(self, tables: Sequence[str]) -> Sequence[Probe]:
        """Return a reader of each of *tables*, and one writer: it is one file to SQLite."""
        writer = [self._probe("", Access.WRITE, "BEGIN IMMEDIATE")] if tables else []
        return [*(self._reader(each) for each in tables), *writer]

    def _reader(self, table: str) -> Probe:
        quoted = '"{}"'.format(table.replace('"', '""'))
        return self._probe(table, Access.READ, f"SELECT 1 FROM {quoted} LIMIT 1")  # noqa: S608

    def _probe(self, table: str, access: Access, statement: str) -> Probe:
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        return Probe(
            table=table,
            access=access,
            ask=_asking(connection, statement),
            close=connection.close,
        )

    def locks(self) -> None:
        """Return nothing: SQLite does not say who holds what."""

    def counters(self, *, probed: int) -> Counters:  # noqa: ARG002 - probes write nothing
        """Return by how much the file has grown."""
        tables, indexes = self._size()
        return Counters(table_growth=tables - self._sizes[0], index_growth=indexes - self._sizes[1])

    def statements(self) -> tuple[Statement, ...]:
        """Return nothing: the tool tells its own."""
        return ()

    def close(self) -> None:
        """Have nothing to end."""

    def _size(self) -> tuple[int, int]:
        sizes = self._database.sizes().values()
        return sum(each[1] for each in sizes), sum(each[2] for each in sizes)


def _asking(connection: sqlite3.Connection, statement: str) -> Callable[[], None]:
    """Return what asks until it is let in, and lets go at once."""

    def ask() -> None:
        while True:
            try:
                connection.execute(statement).fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in (
                    sqlite3.SQLITE_BUSY,
                    sqlite3.SQLITE_LOCKED,
                ):
                    raise sa.exc.OperationalError(statement, None, error) from None
                time.sleep(RETRY_SECONDS)
            except sqlite3.Error as error:  # closed by the watch, while it waits
                raise sa.exc.InterfaceError(statement, None, error) from None
            else:
                break
        if connection.in_transaction:
            connection.rollback()

    return ask
