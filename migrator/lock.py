"""Lock: one runner at a time on a database, freed by the death of the one that holds it."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from typing_extensions import override

from migrator.dialects import dialect_of
from migrator.errors import ApplyError, LockedError
from migrator.history import RUNNER, ensure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect

WAIT_SECONDS = 2.0
"""The lock of a runner that was killed is free once its server has noticed."""
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session of the database, as it may be shown: never what it asks."""

    session: int | None = None
    user: str | None = None
    application: str | None = None
    host: str | None = None
    state: str | None = None
    since: str | None = None
    """Moment in UTC since which it is in this state or transaction."""

    @override
    def __str__(self) -> str:
        """Return one line: session 12, user app, idle in transaction, since …."""
        named = ("session", "user", "application", "host")
        said = [f"{name} {getattr(self, name)}" for name in named if getattr(self, name)]
        said += [self.state] if self.state else []
        return ", ".join(said + ([f"since {self.since} UTC"] if self.since else []))


class Lock(Protocol):
    """What one runner can hold and another can not."""

    def take(self) -> bool:
        """Take the lock, if it is free."""

    def holder(self) -> str | None:
        """Return who holds it, as far as can be known."""

    def give_back(self) -> None:
        """Let the next one take it."""


@contextmanager
def runner_lock(connection: Connection, *, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the runner's lock while the body runs: the session's, or a file beside SQLite's.

    A server frees it when the session ends, the kernel when the process does; nothing has
    to be cleaned up. Raises LockedError, which says who holds it, after *wait* seconds.
    """
    lock = _lock_of(connection)
    if lock is None:
        yield
        return
    if not _poll(lock.take, wait):
        raise LockedError(
            f"another migrator runs on this database: {lock.holder() or 'it does not say who'}",
            hint="wait until it is done; its lock is free as soon as its process has ended",
        )
    try:
        yield
    finally:
        lock.give_back()


def blockers(connection: Connection, session: int) -> tuple[Session, ...]:
    """Return the sessions that *session* waits for, as far as the database tells us."""
    query = dialect_of(connection.dialect).blockers()
    return _sessions(connection, query, session) if query else ()


@dataclass(slots=True)
class SessionLock:
    """A lock that the server keeps for as long as the session of *connection* lives."""

    connection: Connection
    dialect: Dialect

    def take(self) -> bool:
        """Take it, and leave a note for those who find it taken."""
        if not self._ask(self.dialect.try_lock()):
            return False
        mine = self._ask(self.dialect.session())
        with self.connection.begin():
            ensure(self.connection)
            self.connection.execute(RUNNER.delete())
            self.connection.execute(RUNNER.insert(), {"session": mine, **_me()})
        return True

    def holder(self) -> str | None:
        """Return the note of the session that has it, or what the server says of it."""
        session = self._ask(self.dialect.lock_holder())
        with self.connection.begin():
            if session is None:
                return None
            if sa.inspect(self.connection).has_table(RUNNER.name):
                query = sa.select(RUNNER).where(RUNNER.c.session == session)
                note = self.connection.execute(query).mappings().one_or_none()
                if note:
                    return _who(note["host"], note["pid"], note["since"])
            shown = _sessions(self.connection, self.dialect.sessions(), session)
            return ", ".join(map(str, shown)) or f"session {session}"

    def give_back(self) -> None:
        """Give it back; a session that is lost has given it back already."""
        with suppress(sa.exc.SQLAlchemyError):
            self.connection.rollback()
            self._ask(self.dialect.unlock())

    def _ask(self, query: str | None) -> int | None:
        with self.connection.begin():
            return self.connection.scalar(sa.text(query)) if query else None


@dataclass(slots=True)
class FileLock:
    """A file that is locked, not one that is there: what a dead process left does not lock.

    It is not the database's own file, because closing that would drop SQLite's locks on it.
    """

    path: Path
    file: int | None = None

    def take(self) -> bool:
        """Lock the file and write into it who we are."""
        import fcntl

        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise ApplyError(
                f"the runner's lock cannot be taken: {self.path}: {error.strerror}",
                hint="SQLite itself has to write in the folder of its database too",
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        if not self._is_at_its_path(file):
            os.close(file)
            return False
        me = {**_me(), "since": f"{_me()['since']:%Y-%m-%d %H:%M:%S}"}
        os.truncate(file, 0)
        os.write(file, json.dumps(me).encode())
        self.file = file
        return True

    def holder(self) -> str | None:
        """Return what the holder wrote into the file."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(self.path.read_text())
            return _who(note["host"], note["pid"], datetime.fromisoformat(note["since"]))
        return None

    def give_back(self) -> None:
        """Remove the file while it is ours, then unlock it."""
        if self.file is not None:
            self.path.unlink(missing_ok=True)
            os.close(self.file)
            self.file = None

    def _is_at_its_path(self, file: int) -> bool:
        """Say whether the file we locked is not one that its holder has just removed."""
        try:
            return os.path.samestat(os.fstat(file), self.path.stat())
        except FileNotFoundError:
            return False


def _lock_of(connection: Connection) -> Lock | None:
    """Return the lock of the database of *connection*; None when no other process can reach it."""
    dialect = dialect_of(connection.dialect)
    if dialect.capabilities.advisory_locks:
        return SessionLock(connection, dialect)
    # Not through SQLAlchemy, which would begin a transaction, and wait for it.
    cursor = connection.connection.cursor()
    cursor.execute("SELECT file FROM pragma_database_list WHERE name = 'main'")
    path = "".join(file or "" for (file,) in cursor.fetchall())
    cursor.close()
    return FileLock(Path(f"{path}.migrator-lock")) if path else None


def _poll(take: Callable[[], bool], wait: float) -> bool:
    """Try to *take* for *wait* seconds. Waiting in the database would hold a snapshot there."""
    give_up = time.monotonic() + wait
    while not take():
        if time.monotonic() >= give_up:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _sessions(connection: Connection, query: str | None, session: int) -> tuple[Session, ...]:
    found = connection.execute(sa.text(query or ""), {"session": session}).mappings()
    return tuple(Session(**row) for row in found)


def _me() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC)}


def _who(host: str, pid: int, since: datetime) -> str:
    return f"host {host}, process {pid}, since {since:%Y-%m-%d %H:%M:%S} UTC"
