"""A proxy between a client and a database server, that cuts a connection when it is told to."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

if TYPE_CHECKING:
    from tests.databases import Database

PORT = ".s.PGSQL.5432"
COMMIT = b"COMMIT"


class Cut(Enum):
    """Whether the server sees the statement at which the connection is cut."""

    BEFORE = "before"
    AFTER = "after"


class Proxy:
    """A Unix socket in *folder* behind which is the server of *database*.

    It can cut the connection at a statement that holds one of *at*, which the server is to
    see or not.
    """

    def __init__(
        self, database: Database, folder: Path, *, at: tuple[bytes, ...] = (COMMIT,)
    ) -> None:
        url = sa.make_url(database.url)
        self.server, key, self.path = _sockets(url, folder)
        value = str(folder if key == "host" else self.path)
        self.url = url.update_query_dict({key: value}).render_as_string(hide_password=False)
        self.how = Cut.BEFORE
        self.marks = at
        self.at = -1
        self.seen = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def cut(self, how: Cut, at: int) -> None:
        """Cut the connection at statement number *at*, counted from now and from 0."""
        self.how, self.at, self.seen = how, at, 0

    def _accept(self) -> None:
        with ExitStack() as stack, suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.server))
                for pair, asks in (((client, server), True), ((server, client), False)):
                    thread = threading.Thread(target=self._forward, args=(*pair, asks))
                    thread.start()
                    stack.callback(thread.join)
                stack.callback(_close, client, server)

    def _forward(self, source: socket.socket, target: socket.socket, asks: bool) -> None:  # noqa: FBT001 - an argument of a thread
        """Send on what comes from *source* until one side is closed, or the connection is cut."""
        with suppress(OSError):
            while data := source.recv(65_536):
                if asks and any(each in data for each in self.marks) and self._is_the_one():
                    self._cut(source, target, data)
                    break
                target.sendall(data)
        _close(source, target)

    def _is_the_one(self) -> bool:
        self.seen += 1
        return self.seen - 1 == self.at

    def _cut(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        client.shutdown(socket.SHUT_RDWR)
        if self.how is Cut.AFTER:
            server.sendall(data)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def _sockets(url: sa.URL, folder: Path) -> tuple[Path, str, Path]:
    """Return the server's socket, the name of the URL's parameter for it, and our socket."""
    if url.get_backend_name() == "postgresql":
        return Path(str(url.query["host"])) / PORT, "host", folder / PORT
    return Path(str(url.query["unix_socket"])), "unix_socket", folder / "socket"
