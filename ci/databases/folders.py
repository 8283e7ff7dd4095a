"""Folders of servers: each is locked by whatever runs in it, and swept once nothing does."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ci.databases.places import lock_now, locked
from ci.errors import ConfigurationError
from ci.programs import remove

if TYPE_CHECKING:
    from ci.programs import User

LONGEST_SOCKET = 80
"""Bytes of the folder: of a socket's whole path 107 count, and its name has some."""
SHORT = Path("/tmp")  # noqa: S108 - a name that nobody can guess, private from the start
PASS = 0o001
OURS = re.compile(r"(postgresql|mariadb|sqlite)\.[a-z0-9_]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The folder of one server: its data, its socket, its log; and the lock, held."""

    path: Path
    lock: int
    """Handed on to the server's processes, so that it is held while one of them lives."""
    socket: Path
    """The only folder that a sandbox sees."""

    @property
    def data(self) -> Path:
        """What is kept as a state."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """What the server and the programs that restore have said."""
        return self.path / "log"

    @classmethod
    def make(cls, runs: Path, name: str, *, user: User | None) -> Self:
        """Make the folder of a server that runs as *user*; sweep old ones first.

        Raises ConfigurationError where *user* cannot get to it.
        """
        _passable(runs, user)
        # What is not locked yet is not swept: the lock of all is held until it is.
        with locked(runs / "lock"):
            _sweep(runs)
            path = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=runs))
            lock = lock_now(path / "lock")
        assert lock is not None  # noqa: S101 - nobody else knows of it
        path.chmod(0o711)
        folder = cls(path=path, lock=lock, socket=_socket(path))
        if user:
            os.chown(path, user.uid, user.gid)
            os.chown(folder.socket, user.uid, user.gid)
        return folder

    def remove(self) -> None:
        """Remove it, once nothing runs in it."""
        _remove(self.path)
        os.close(self.lock)


def sweep(runs: Path) -> None:
    """Remove the folders in *runs* of servers that were killed."""
    with locked(runs / "lock"):
        _sweep(runs)


def _socket(path: Path) -> Path:
    """Make the folder of the socket; a long path gets a short one, which a link leads to."""
    folder = path / "socket"
    if len(os.fsencode(folder)) <= LONGEST_SOCKET:
        folder.mkdir()
    else:
        short = SHORT / f"ci-{secrets.token_hex(8)}"
        folder.symlink_to(short)  # first, so that it is found after a crash, too
        short.mkdir(mode=0o700)
        folder = short
    folder.chmod(0o755)
    return folder


def _sweep(runs: Path) -> None:
    """Remove the folders that nothing runs in any more; a lock says so, no number of a process."""
    for path in runs.iterdir():
        # Nothing but ours, should somebody have named a folder that has more.
        ours = OURS.fullmatch(path.name) and (path / "lock").is_file()
        if ours and (lock := lock_now(path / "lock")) is not None:
            _remove(path)
            os.close(lock)


def _remove(path: Path) -> None:
    socket = path / "socket"
    if socket.is_symlink():
        shutil.rmtree(socket.readlink(), ignore_errors=True)
    # The lock goes last: a folder whose removal is cut short is swept again.
    for each in path.iterdir():
        if each.name != "lock":
            remove(each)
    remove(path)


def _passable(runs: Path, user: User | None) -> None:
    if user is None:
        return
    for folder in (runs, *runs.parents):
        entry = folder.stat()
        if not (entry.st_mode & PASS or entry.st_uid == user.uid):
            raise ConfigurationError(
                f"the server runs as {user.name}, who may not pass through {str(folder)!r}",
                hint="chmod 711 lets them pass; or name another --state, or run as ordinary user",
            )
