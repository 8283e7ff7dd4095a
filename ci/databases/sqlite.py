"""SQLite: a file in a folder of its own."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Self

from ci.databases import copying
from ci.databases import sqlite_catalogue as catalogue
from ci.databases.base import Access
from ci.databases.folders import Folder
from ci.databases.restoring import sqlite as dumps
from ci.databases.server import LAYOUT, RESTORED
from ci.databases.states import States, flush
from ci.errors import SetupError
from ci.programs import remove
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from ci.databases.places import Places
    from ci.datasets.dataset import Dataset

FILE = "app.db"
PARTS = ("", "-wal", "-journal")
"""What a database consists of: the file, and what is not in it yet; -shm is made from that."""
NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")
"""How a journal ends that names a file which SQLite removes after it has rolled back."""
CALLS = 10_000
"""Steps of SQLite between two looks at the clock."""


class SQLite:
    """A file, for one dataset; see `Database` for what it is asked.

    The code under test may do with its folder what it likes: nothing is read through a link.
    """

    engine: Engine = Engine.SQLITE

    def __init__(self, places: Places, digest: str) -> None:
        self.places = places
        self.version = sqlite3.sqlite_version
        self._digest = digest
        self._folder: Folder | None = None

    def __enter__(self) -> Self:
        self._folder = Folder.make(self.places.runs, self.engine.value, user=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.folder.remove()
        self._folder = None
        flush(self.places)

    @property
    def folder(self) -> Folder:
        """The folder that the file is in."""
        if self._folder is None:
            raise RuntimeError("the database is used before it is entered")
        return self._folder

    @property
    def _file(self) -> Path:
        return self.folder.data / FILE

    @property
    def _states(self) -> States:
        name = f"{self.engine}-{LAYOUT}"
        return States(self.places, name, self._digest, log=self.folder.log)

    def restore(self, dataset: Dataset) -> None:
        """Make the dataset's state the present one."""
        self._digest = dataset.digest
        with self._states.making():
            if not self._take(RESTORED):
                self.folder.data.mkdir(exist_ok=True)
                seconds = self.places.seconds
                dumps.restore(dataset.dump, self._file, log=self.folder.log, seconds=seconds)
                self._put(RESTORED)
        self._open_up()

    def keep(self, state: str) -> None:
        """Keep the present state under a name."""
        self._put(f"={state}")

    def kept(self) -> frozenset[str]:
        """Return the names of states that are kept, also those of earlier runs."""
        return frozenset(each[1:] for each in self._states.names() if each != RESTORED)

    def reset(self, state: str) -> None:
        """Make a kept state the present one. Raises SetupError if it is not kept any more."""
        if not self._take(f"={state}"):
            raise SetupError("the state is not kept any more", step="reset")
        self._open_up()

    def cool(self) -> None:
        """Have the kernel forget the file."""
        self.end_sessions()
        copying.forget(
            self.folder.data, log=self.folder.log, seconds=self.places.seconds, step="cool"
        )

    def migrating(self) -> Access:
        """Return the access of the code under test."""
        return self._access(self.places.driver)

    def watching(self) -> Access:
        """Return the access of the runner."""
        return self._access()

    def planning(self) -> Access:
        """Return the access of the runner: it is a file."""
        return self._access()

    def probing(self) -> Access:
        """Return the access of an application."""
        return self._access()

    def end_sessions(self) -> None:
        """Remove folders that the code under test has left beside the file: they may be endless.

        A session ends with its process.
        """
        for each in self.folder.data.iterdir():
            if each.is_dir() and not each.is_symlink():
                remove(each)

    def schema(self) -> Mapping[str, tuple[str, ...]]:
        """Return tables with their columns, keys and indexes, in words."""
        with self._looking() as connection:
            return catalogue.schema(connection)

    def sizes(self) -> Mapping[str, tuple[int, int, int]]:
        """Return for each table how many rows, and bytes of it and of its indexes."""
        with self._looking() as connection:
            return catalogue.sizes(connection)

    def _access(self, driver: str | None = None) -> Access:
        name = f"sqlite+{driver}" if driver else "sqlite"
        return Access(url=f"{name}:///{self._file}", bind=self.folder.data, writable=True)

    @contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that writes nothing, and that ends; raises SetupError if it cannot."""
        self._look()
        until = time.monotonic() + self.places.seconds
        try:
            with closing(sqlite3.connect(f"{self._file.as_uri()}?mode=rw", uri=True)) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > until, CALLS)
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA query_only = ON")
                yield connection
        except sqlite3.Error:
            raise SetupError("the file is no database any more", step="look at it") from None

    def _put(self, name: str) -> None:
        """Keep the file; what the code under test has left beside it is not kept."""
        self._look()
        kept = {self._file.with_name(FILE + part) for part in PARTS}
        for each in self.folder.data.iterdir():
            if each not in kept:
                remove(each)
        self._states.put(name, self.folder.data)

    def _take(self, name: str) -> bool:
        return self._states.get(name, self.folder.data)

    def _look(self) -> None:
        """Raise SetupError if a part of the database is not a file that is there alone."""
        for part in PARTS:
            try:
                entry = os.lstat(self._file.with_name(FILE + part))
            except FileNotFoundError:
                continue
            if not stat.S_ISREG(entry.st_mode) or entry.st_nlink != 1:
                raise SetupError("the file of the database is a link now", step="look at it")
        if _end(self._file.with_name(f"{FILE}-journal"), len(NAMES_ANOTHER)) == NAMES_ANOTHER:
            raise SetupError("the journal of the database names another file", step="look at it")

    def _open_up(self) -> None:
        """Let a sandbox of root, which has a user of its own, write the file and beside it."""
        if os.getuid() == 0:
            self.folder.data.chmod(0o777)
            for each in copying.files(self.folder.data):
                each.chmod(0o666)


def _end(path: Path, size: int) -> bytes:
    """Return the last *size* bytes of a file; none where it is not there, or is shorter."""
    try:
        with path.open("rb") as file:
            file.seek(-size, os.SEEK_END)
            return file.read(size)
    except OSError:
        return b""
