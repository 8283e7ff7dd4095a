"""Turn: the right to measure on this machine, which one runner has at a time.

Two that measure at once disturb each other's timings. All jobs of a runner share its turn, and
hand it on to their processes: the kernel frees it when the last one of them is gone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ci.databases.places import lock_now
from ci.errors import BusyError, UnwantedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOOK_SECONDS = 0.2
LONGEST = 300
"""Bytes that say who has the turn."""

LOG = logging.getLogger(__name__)


def never() -> bool:
    """Say no."""
    return False


@dataclass(slots=True, kw_only=True)
class Turn:
    """The turn of one runner; from any thread."""

    path: Path
    wait: bool = True
    """Whether another runner is waited for."""
    tell: Callable[[str], object] = LOG.warning
    """Hears who is waited for."""
    _file: int | None = None
    _holders: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def handed(cls, path: Path, file: int) -> Turn:
        """Return the turn that another process has, and has handed on as the open *file*."""
        return cls(path=path, _file=file, _holders=1)

    @contextmanager
    def held(self, who: str, unwanted: Callable[[], bool] = never) -> Iterator[int]:
        """Have the turn, as *who*; give the file that holds it, to be handed on to processes.

        Raises BusyError where another runner has it and is not waited for, UnwantedError when
        it is *unwanted* meanwhile.
        """
        file = self._wait(who, unwanted)
        try:
            yield file
        finally:
            self._give_back()

    def _wait(self, who: str, unwanted: Callable[[], bool]) -> int:
        told = ""
        while (file := self._taken(who)) is None:
            holder = self._holder()
            if not self.wait:
                raise BusyError(
                    f"{holder} measures on this machine",
                    hint="two at once would disturb each other's timings; without --no-wait it "
                    "is waited for",
                )
            if holder != told:
                self.tell(f"waiting for {holder}")
                told = holder
            if unwanted():
                raise UnwantedError(f"{who}: ended before its turn")
            time.sleep(LOOK_SECONDS)
        return file

    def _taken(self, who: str) -> int | None:
        """Return the file that holds the turn; None while another runner has it."""
        with self._counting:
            if self._file is None:
                self._file = lock_now(self.path)
                if self._file is None:
                    return None
                _write(self._file, f"{who}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            self._holders += 1
            return self._file

    def _give_back(self) -> None:
        with self._counting:
            self._holders -= 1
            if not self._holders and self._file is not None:
                os.close(self._file)
                self._file = None

    def _holder(self) -> str:
        """Return who has the turn, as they said it."""
        with self.path.open("rb") as file:
            said = file.read(LONGEST).decode("utf-8", "replace")
        return said if said.isprintable() and said else "another run"


def _write(file: int, said: str) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, said.encode(), 0)
