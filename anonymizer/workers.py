"""Workers: processes that mask rows side by side, beside the one that reads and writes.

Rows and their text go through a pair of sockets as they are, each in one call. A worker reads
ahead and answers in threads of its own, so who gives it work waits for nothing but answers.
"""

from __future__ import annotations

import pickle
import signal
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from select import select
from struct import Struct
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from anonymizer.errors import AnonymizerError
from anonymizer.memory import keep_memory
from anonymizer.processes import context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anonymizer.dumps.base import Rows
    from anonymizer.masker import Counts, Text

AT_ONCE = 2
"""Pieces that a worker has: one that it masks, and the next."""
ALONE = 4
"""Pieces for which no worker is hired: it takes longer than to mask them."""
_HEAD = Struct("<QQ")
"""How long a message is: what is pickled, and what is sent as it is."""
_READY = b"\0"

Answer: TypeAlias = "tuple[Text, Counts] | Exception"
"""The text of rows with masked values and what was in each masked column; or why there is none."""
Rewrite: TypeAlias = "Callable[[Rows], tuple[Text, Counts]]"


class Worker:
    """A process that rewrites rows, and answers in the order in which it is given them."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._socket, other = socket.socketpair()
        self._process = context().Process(target=_work, args=(other, rewrite), daemon=True)
        self._process.start()
        other.close()
        self._is_ready = False
        self._given = 0

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid

    @property
    def is_free(self) -> bool:
        """Whether it takes more rows at once."""
        if not self._is_ready and self.has_answered:
            self._is_ready = self._socket.recv(1) == _READY
        return self._is_ready and self._given < AT_ONCE

    @property
    def has_answered(self) -> bool:
        """Whether its next answer can be taken without a wait."""
        return bool(select([self._socket], [], [], 0)[0])

    def give(self, rows: Rows) -> None:
        """Have it rewrite *rows*."""
        try:
            _send(self._socket, replace(rows, data=b""), rows.data)
        except OSError:
            raise self._ended() from None
        self._given += 1

    def take(self) -> Answer:
        """Return what became of the first rows of which it was not asked yet."""
        found = _received(self._socket)
        if found is None:
            raise self._ended()
        self._given -= 1
        said, text = found
        return said if isinstance(said, Exception) else (text, said)

    def dismiss(self) -> None:
        """Have it end, whatever it does."""
        self._socket.close()
        self._process.terminate()
        self._process.join()

    def _ended(self) -> AnonymizerError:
        self._process.join()
        return AnonymizerError(
            f"a process that masks ended by itself, with {self._process.exitcode}",
            hint="did the system end it, for want of memory? use fewer --jobs",
        )


@dataclass(slots=True)
class Crew:
    """Some workers, hired when there is enough to do."""

    rewrite: Rewrite
    size: int
    _workers: list[Worker] = field(default_factory=list)
    _asked: int = 0
    _hiring: Thread | None = None

    def give(self, rows: Rows) -> Worker | None:
        """Return the worker that rewrites *rows* now, None when all have enough to do."""
        self._asked += 1
        if self._asked == ALONE and self.size:
            # The first waits until the process is there that all are forked from.
            self._hiring = Thread(target=self._hire, daemon=True)
            self._hiring.start()
        for each in self._workers:
            if each.is_free:
                each.give(rows)
                return each
        return None

    def dismiss(self) -> None:
        """Have all of them end."""
        if self._hiring:
            self._hiring.join()
        for each in self._workers:
            each.dismiss()

    def _hire(self) -> None:
        for _ in range(self.size):
            self._workers.append(Worker(self.rewrite))


@contextmanager
def hired(rewrite: Rewrite, size: int) -> Iterator[Crew]:
    """Give *size* workers that rewrite rows by *rewrite*, which is picklable."""
    crew = Crew(rewrite, size)
    try:
        yield crew
    finally:
        crew.dismiss()


def _work(peer: socket.socket, rewrite: Rewrite) -> None:
    """Rewrite what comes from *peer*, until it has no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who hired it is interrupted as well
    keep_memory()
    given: SimpleQueue[Rows | None] = SimpleQueue()
    answers: SimpleQueue[Answer | None] = SimpleQueue()
    answering = Thread(target=_answer, args=(peer, answers))
    Thread(target=_listen, args=(peer, given), daemon=True).start()
    answering.start()
    peer.sendall(_READY)
    while rows := given.get():
        answers.put(_rewritten(rewrite, rows))
    answers.put(None)
    answering.join()


def _listen(peer: socket.socket, given: SimpleQueue[Rows | None]) -> None:
    """Put all rows that come from *peer* to those that are *given*."""
    while found := _received(peer):
        rows, data = found
        given.put(replace(cast("Rows", rows), data=cast("bytes", data.obj)))
    given.put(None)


def _answer(peer: socket.socket, answers: SimpleQueue[Answer | None]) -> None:
    """Send *answers* to *peer*, as long as it is there."""
    with suppress(OSError):
        while answer := answers.get():
            if isinstance(answer, Exception):
                _send(peer, answer, b"")
            else:
                _send(peer, dict(answer[1]), answer[0])


def _rewritten(rewrite: Rewrite, rows: Rows) -> Answer:
    try:
        return rewrite(rows)
    except Exception as error:
        return _portable(error)


def _portable(error: Exception) -> Exception:
    """Return *error*, or if it cannot be sent, as one of a user's mask, what it is called."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    except Exception:
        return AnonymizerError(f"rows cannot be masked: {type(error).__name__}")
    return error


def _send(peer: socket.socket, said: object, text: Text) -> None:
    pickled = pickle.dumps(said, pickle.HIGHEST_PROTOCOL)
    peer.sendall(_HEAD.pack(len(pickled), len(text)) + pickled)
    peer.sendall(text)


def _received(peer: socket.socket) -> tuple[Any, memoryview] | None:
    """Return the next message, None when *peer* is gone."""
    head = _read(peer, _HEAD.size)
    if head is None:
        return None
    size, length = _HEAD.unpack(head)
    pickled, text = _read(peer, size), _read(peer, length)
    if pickled is None or text is None:
        return None
    return pickle.loads(pickled), text  # noqa: S301 - from a process of ours


def _read(peer: socket.socket, size: int) -> memoryview | None:
    """Return the next *size* bytes, None when *peer* ends before."""
    data = memoryview(bytearray(size))
    left = data
    while left:
        try:
            count = peer.recv_into(left, 0, socket.MSG_WAITALL)
        except OSError:
            return None
        if not count:
            return None
        left = left[count:]
    return data
