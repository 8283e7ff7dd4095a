"""Places: where servers run, where states are kept, and how long and how large they may be."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STATE_BYTES = 50_000_000_000
HOURS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Folders of this machine; nobody else may look into them."""

    runs: Path
    """Servers run in it, each in a folder of its own, which goes with it."""
    states: Path
    """What is kept for next time; best in the same file system."""
    state_bytes: int = STATE_BYTES
    """The least recently used states go when all of them together are larger."""
    confined: bool = True
    """Whether servers have no network, and see nothing but their folders and the system."""
    flush: bool = True
    """Whether a run ends with what is kept on the disk; else a restart of the machine clears it."""
    seconds: float = 6 * HOURS
    """How long a restore, or a copy of a state, may take."""
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    """How many sessions restore at once, where the form of the dump allows."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of the server that differ from ours, by the names that its option file has."""
    driver: str | None = None
    """What the tree under test connects with: psycopg, mysqldb; None: psycopg2, pymysql."""

    def __post_init__(self) -> None:
        if not self.runs.exists():
            self.runs.mkdir(parents=True)
            self.runs.chmod(0o711)  # servers of root run as somebody else, who has to pass through
        self.states.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def milliseconds(self) -> int:
        """The longest time, as servers count it in 31 bits."""
        return min(int(self.seconds * 1000), (1 << 31) - 1)

    def secret(self) -> bytes:
        """Return what passwords are made of: random, and the same as long as states are kept."""
        path = self.states / "secret"
        with locked(self.states / "secret.lock"):
            if not path.exists() or not path.stat().st_size:
                path.touch(mode=0o600)
                path.write_bytes(secrets.token_bytes(32))
        return path.read_bytes()


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a file, which is made; it ends with the process at the latest."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def lock_now(path: Path) -> int | None:
    """Return a file that holds the lock of *path*, to be closed; None if another holds it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
