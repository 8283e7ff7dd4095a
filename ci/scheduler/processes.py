"""Processes: each order in a process of its own, which ends with all that it has started.

A process that is killed is started again: what was restored and installed is kept, so it goes
on from there. When the runner itself is killed, the wardens of its processes end them in order.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING, Self

from ci.errors import AwayError, CiError, DeadlineError, UnwantedError
from ci.order import encode, tidy
from ci.programs import Program, start
from ci.result import LIMIT
from ci.scheduler import answer as answers
from ci.scheduler.answer import FRAME, Answer, refusal
from ci.settings import read_settings
from ci.turn import Turn, never
from ci.where import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ci.order import Order
    from ci.programs import Running
    from ci.state import State
    from ci.where import Where

ATTEMPTS = 3
"""How often an order is begun whose process is killed."""
GRACE_SECONDS = 30
"""How long a process may take to end its servers and remove its folders."""
SIGNALLED = 128
JOB = (sys.executable, "-P", "-m", "ci.scheduler.job")
"""The program of one job."""
ROOT = str(Path(__file__).parents[2])
"""Where `ci` is imported from."""
LOOK_SECONDS = 0.05


def _untold(_order: Order, _where: Where) -> None:
    pass


class Processes:
    """Carries out orders on this machine, so many at once, when it is our turn to measure."""

    def __init__(
        self,
        state: State,
        folders: Sequence[Path],
        *,
        jobs: int = 1,
        turn: Turn | None = None,
        tell: Callable[[Order, Where], None] = _untold,
    ) -> None:
        self._state = state
        self._tell = tell
        self._folders = tuple(folders)
        self._turn = turn or Turn(path=state.turn)
        self._pool = ThreadPoolExecutor(jobs)
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._pool.shutdown(cancel_futures=True)

    def answers(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Answer]]:
        """Yield each order with its answer, as they come; all in one turn.

        Raises BusyError where another runner has it and is not waited for.
        """
        if not orders:
            return
        with self._turn.held(f"run {orders[0].run}"):
            futures = {self._pool.submit(self.answer, each): each for each in orders}
            for future in as_completed(futures):
                yield futures[future], future.result()

    def answer(self, order: Order, unwanted: Callable[[], bool] = never) -> Answer:
        """Return the answer to *order*, in any thread; it ends early when it is *unwanted*."""

        def ended() -> bool:
            return self._closed.is_set() or unwanted()

        try:
            with self._turn.held(f"run {order.run}", ended) as turn:
                return self._answer(order, ended, turn)
        except CiError as error:
            tidy(self._state)
            return refusal(error)

    def _answer(self, order: Order, ended: Callable[[], bool], turn: int) -> Answer:
        status = 0
        for _ in range(ATTEMPTS):
            status, document = self._attempt(order, ended, turn)
            if status == 0:
                return answers.decode(document, order)
            tidy(self._state)
            if 0 < status < SIGNALLED:
                break
        said = f"{order.dataset}: its process ended with exit status {status}, without an answer"
        hint = f"see {self._log(order)}; memory may have run out"
        return refusal(AwayError(said, hint=hint))

    def _attempt(self, order: Order, ended: Callable[[], bool], turn: int) -> tuple[int, bytes]:
        file = tempfile.TemporaryFile
        with file() as asked, file() as said, file() as told:
            asked.write(encode(order))
            asked.seek(0)
            log = self._log(order)
            program = self._program(told.fileno(), turn)
            with start(program, log=log, stdin=asked, stdout=said) as running:
                status = self._wait(running, order, ended, Follower(told.fileno()))
            said.seek(0)
            return status, said.read(LIMIT + FRAME + 1)

    def _wait(
        self, running: Running, order: Order, ended: Callable[[], bool], follower: Follower
    ) -> int:
        """Return the exit status. Raises CiError when it has to end before; it is ended then."""
        seconds = read_settings(order.settings).deadlines.job
        give_up = time.monotonic() + seconds
        while (status := running.status) is None:
            for where in follower.news():
                self._tell(order, where)
            if ended():
                raise UnwantedError(f"{order.dataset}: ended before its end")
            if time.monotonic() > give_up:
                raise DeadlineError(f"{order.dataset}: the whole job", seconds)
            self._closed.wait(LOOK_SECONDS)
        return status

    def _program(self, told: int, turn: int) -> Program:
        # Nothing is imported from the folder we are in: it may be a checkout of the change.
        path = os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))
        folders = (each.absolute() for each in self._folders)
        return Program(
            arguments=(*JOB, str(told), self._state.folder, *folders),
            environment={**os.environ, "PYTHONPATH": path},
            folder=self._state.folder,
            stop=SIGTERM,
            abandon=SIGTERM,
            grace=GRACE_SECONDS,
            files=(told, turn),  # what a killed runner leaves for a moment still has the turn
        )

    def _log(self, order: Order) -> Path:
        return self._state.private(order.run) / f"{order.dataset}.job.log"
