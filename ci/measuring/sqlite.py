"""What can be seen of SQLite: its file, and whether others may read and write it.

It has no sessions to ask, so statements and their times are what the tool itself tells. Who
may read or write is told by the locks on bytes of the file (SQLite's manual, "File Locking And
Concurrency"). They are looked at and never taken: a migration that reads first and then writes
fails at once where another has the lock, and it would be our fault.
"""

from __future__ import annotations

import fcntl
import os
import struct
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ci.measuring.eye import Probe
from ci.timing import Access, Counters, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.databases.base import Database

PENDING, RESERVED, SHARED = (0x40000000, 1), (0x40000001, 1), (0x40000002, 510)
"""Bytes of the file, and how many, that whoever reads and writes has locks on."""
WAL_WRITE = (120, 1)
"""In the index of a write-ahead log, in the file beside it."""
KEPT_OUT = {Access.READ: (PENDING, SHARED), Access.WRITE: (PENDING, RESERVED, SHARED)}
FLOCK = "hhqqi0q"
"""struct flock, as Linux has it."""


class SQLiteEye:
    """Sees one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._path = Path(str(sa.make_url(database.watching().url).database))

    def begin(self) -> None:
        """Have nothing to remember."""

    def probes(self, tables: Sequence[str]) -> Sequence[Probe]:
        """Return one reader and one writer, if there are *tables*: it is one file."""
        return [self._probe(each) for each in Access] if tables else []

    def _probe(self, access: Access) -> Probe:
        file = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        return Probe(
            table="",
            access=access,
            ask=partial(_is_let_in, file, access, self._path.with_name(f"{self._path.name}-shm")),
            close=partial(os.close, file),
        )

    def locks(self) -> None:
        """Return nothing: SQLite does not say who holds what."""

    def account(self) -> tuple[Counters, tuple[Statement, ...]]:
        """Return nothing: it does not count, and the tool tells its own statements."""
        return Counters(), ()

    def cut(self) -> None:
        """Have nothing to end: probes ask the kernel."""

    def close(self) -> None:
        """Have nothing to end."""


def _is_let_in(file: int, access: Access, index: Path) -> bool:
    """Return whether nobody has a lock on *file* that keeps *access* out."""
    if any(_is_locked(file, *each) for each in KEPT_OUT[access]):
        return False
    if access is Access.READ:
        return True
    try:
        log = os.open(index, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return True  # It has no write-ahead log.
    try:
        return not _is_locked(log, *WAL_WRITE)
    finally:
        os.close(log)


def _is_locked(file: int, start: int, length: int) -> bool:
    """Return whether another process has a lock for writing on bytes of *file*."""
    asked = struct.pack(FLOCK, fcntl.F_RDLCK, os.SEEK_SET, start, length, 0)
    kind: int = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
    return kind != fcntl.F_UNLCK
