"""Server: one private server of an engine, started and stopped around copies of its data."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, ClassVar, Self

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from ci.databases import copying
from ci.databases.base import Access
from ci.databases.folders import Folder
from ci.databases.restoring.sqlite import no_table
from ci.databases.states import States, flush
from ci.errors import SetupError
from ci.programs import Running, User, is_full, start
from ci.sandbox import alone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from ci.databases.places import Places
    from ci.datasets.dataset import Dataset
    from ci.programs import Program
    from ci.timing import Engine

LAYOUT = 2
"""Goes up when what is kept can no longer be used."""
SUPERUSER, OWNER, PROBE, DATABASE = "ci", "app", "probe", "app"
RESTORED = ""
"""The name of the state that the dataset itself is at."""
EMPTY = "empty"
START_SECONDS = 120
END_SECONDS = 20
SESSIONS = "end sessions"


class Server(ABC):
    """A server of one engine, for one dataset; see `Database` for what it is asked.

    It starts when there is something to serve. Between that it is stopped, so that its data
    can be copied: what is kept is whole, whatever is in it, and a reset is the same each time.
    """

    engine: Engine
    user_name: ClassVar[str]
    """Who runs the server where we are root."""
    start_hint: ClassVar[str]
    """Why it may not start."""
    own_query: ClassVar[Mapping[str, str]] = {}
    """What the driver of our own sessions is told by their URL."""

    def __init__(self, places: Places, digest: str) -> None:
        self.places = places
        self.version = self.find_version()
        self.user = User.instead_of_root(self.user_name)
        self._digest = digest
        self._folder: Folder | None = None
        self._running: Running | None = None
        self._secret = places.secret()

    def __enter__(self) -> Self:
        self._folder = Folder.make(self.places.runs, self.engine.value, user=self.user)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running:
            self._running.stop(in_order=False)
        self.folder.remove()
        self._folder = self._running = None
        flush(self.places)

    @property
    def folder(self) -> Folder:
        """The folder that it runs in."""
        if self._folder is None:
            raise RuntimeError("the database is used before it is entered")
        return self._folder

    @property
    def states(self) -> States:
        """What is kept of the dataset."""
        return self._states(self._digest)

    def restore(self, dataset: Dataset) -> None:
        """Make the dataset's state the present one."""
        self._digest = dataset.digest
        with self.states.making():
            if not self._take(self.states, RESTORED):
                self._make_empty()
                self.start(restoring=True)
                self.load(dataset.dump)
                if not self.schema():
                    raise no_table()
                self._put(self.states, RESTORED)
        self.start()

    def keep(self, state: str) -> None:
        """Keep the present state under a name, settled as a server leaves it in quiet hours."""
        self.end_sessions()
        self._put(self.states, f"={state}")
        self.start()

    def kept(self) -> frozenset[str]:
        """Return the names of states that are kept, also those of earlier runs."""
        return frozenset(each[1:] for each in self.states.names() if each != RESTORED)

    def reset(self, state: str) -> None:
        """Make a kept state the present one. Raises SetupError if it is not kept any more."""
        if not self._take(self.states, f"={state}"):
            raise SetupError("the state is not kept any more", step="reset")
        self.start()

    def cool(self) -> None:
        """Restart with empty caches, also those of the kernel for its files."""
        self.stop()
        copying.forget(
            self.folder.data, log=self.folder.log, seconds=self.places.seconds, step="cool"
        )
        self.start()

    def start(self, *, restoring: bool = False) -> None:
        """Start the server on the data that is there; *restoring* it need not be careful."""
        self.stop()
        with self._alone(self.program(restoring=restoring)) as program:
            self._running = running = start(program, log=self.folder.log)
            give_up = time.monotonic() + START_SECONDS
            while not self.ready():
                if running.status is not None or time.monotonic() > give_up:
                    running.end()
                    raise SetupError(
                        "the server does not start",
                        step=f"start {self.engine}",
                        hint=self.start_hint,
                    )
                time.sleep(0.01)

    def _alone(self, program: Program) -> AbstractContextManager[Program]:
        """Give *program* confined, unless all of this is trusted."""
        if not self.places.confined:
            return nullcontext(program)
        return alone(program, folders=(self.folder.path, self.folder.socket))

    def stop(self) -> None:
        """Stop the server, all of its data being written. Raises SetupError where it is not."""
        if self._running is None:
            return
        running, self._running = self._running, None
        running.end()
        if running.status:
            raise SetupError(
                "the server did not stop in order",
                step=f"stop {self.engine}",
                hint="memory may have run out; look for that in the kernel's log",
            )

    def password(self, role: str) -> str:
        """Return the password of a role, which only who may read our states can know."""
        return hmac.new(self._secret, role.encode(), hashlib.sha256).hexdigest()

    @contextmanager
    def asking(self, step: str, *, url: sa.URL | None = None) -> Iterator[sa.Connection]:
        """Give a session as superuser, or by a *url*.

        Raises SetupError for what the server refuses.
        """
        url = url or self.url(SUPERUSER, DATABASE)
        engine = sa.create_engine(
            url.update_query_dict(self.own_query),
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
        )
        try:
            with engine.connect() as connection:
                self.harden(connection)
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise SetupError(self._why(error), step=step) from None

    def _why(self, error: sa.exc.SQLAlchemyError) -> str:
        """Return why the server did not do it."""
        if is_full(self.folder.path):
            return "the disk of the server has hardly any room left"
        if self._running is not None and self._running.status is not None:
            return f"the server has ended, with exit status {self._running.status}"
        # No more than its class: the text of a driver may repeat rows.
        kind = type(getattr(error, "orig", None) or error).__name__
        return f"the server refused it: {kind}"

    def settle(self) -> None:
        """Do what a server does in quiet hours."""
        with self.asking("settle") as connection:
            self.tidy(connection)

    def _put(self, states: States, name: str) -> None:
        self.settle()
        self.stop()
        states.put(name, self.folder.data)

    def _take(self, states: States, name: str) -> bool:
        self.stop()
        return states.get(name, self.folder.data, ours=True)

    def _make_empty(self) -> None:
        """Make the data those of an empty server, with its roles; it is made once."""
        states = self._states(EMPTY)
        with states.making():
            if not states.get(EMPTY, self.folder.data):
                shutil.rmtree(self.folder.data, ignore_errors=True)
                self.initialise()
                self._put(states, EMPTY)

    def _states(self, digest: str) -> States:
        name = f"{self.engine}-{self.version}-{LAYOUT}"
        return States(self.places, name, digest, log=self.folder.log)

    @abstractmethod
    def find_version(self) -> str:
        """Return the version of the server that is installed."""

    @abstractmethod
    def initialise(self) -> None:
        """Make the data of an empty server, and leave it running with its roles."""

    @abstractmethod
    def program(self, *, restoring: bool) -> Program:
        """Return the program of the server."""

    @abstractmethod
    def ready(self) -> bool:
        """Say whether the server that was started takes sessions."""

    @abstractmethod
    def load(self, dump: Path) -> None:
        """Restore a dump into the empty database, with the native tools."""

    @abstractmethod
    def tidy(self, connection: sa.Connection) -> None:
        """Clear away what is dead, and make the statistics anew."""

    @abstractmethod
    def harden(self, connection: sa.Connection) -> None:
        """Let nothing that the code under test has made run in a session of the superuser."""

    @abstractmethod
    def url(self, role: str, database: str, driver: str | None = None) -> sa.URL:
        """Return the URL of a database, as *role*."""

    @abstractmethod
    def end_sessions(self) -> None:
        """End what the code under test has left running in the server."""

    @abstractmethod
    def schema(self) -> Mapping[str, tuple[str, ...]]:
        """Return tables with their columns, keys and indexes, in words."""

    @abstractmethod
    def sizes(self) -> Mapping[str, tuple[int, int, int]]:
        """Return for each table about how many rows, and bytes of it and of its indexes."""

    def migrating(self) -> Access:
        """Return the access of the code under test."""
        return self._access(self.url(OWNER, DATABASE, self.places.driver))

    def planning(self) -> Access:
        """Return the access of the runner with no more rights than the code under test."""
        return self._own(OWNER)

    def watching(self) -> Access:
        """Return the access of the runner."""
        return self._own(SUPERUSER)

    def probing(self) -> Access:
        """Return the access of an application, which has a role of its own."""
        return self._own(PROBE)

    def _own(self, role: str) -> Access:
        return self._access(self.url(role, DATABASE).update_query_dict(self.own_query))

    def _access(self, url: sa.URL) -> Access:
        return Access(url=url.render_as_string(hide_password=False), bind=self.folder.socket)


def said(*arguments: str) -> str:
    """Return what a program that is installed says of itself."""
    answer = subprocess.run(  # noqa: S603 - no shell
        arguments, capture_output=True, text=True, check=False, timeout=60
    )
    return answer.stdout.strip()
