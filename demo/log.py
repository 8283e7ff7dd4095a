"""The log of one process: what the database acknowledged, a line each, written at once."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One transaction that was acknowledged, between two moments of the machine's clock.

    *kind* is add, set, bump or read. *wrong* counts what was read and is not as it was written.
    """

    kind: str
    key: str
    value: int
    begun: float
    ended: float
    wrong: int = 0


class Log:
    """What one process writes of itself."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, kind: str, key: str, value: int, *, begun: float, wrong: int = 0) -> None:
        """Write that something begun at *begun* is acknowledged."""
        done = Done(kind=kind, key=key, value=value, begun=begun, ended=time.time(), wrong=wrong)
        self.file.write(json.dumps(asdict(done)) + "\n")
        self.file.flush()


def read(path: Path) -> Iterator[Done]:
    """Yield what the log at *path* says; a line that is still being written is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        yield from (Done(**json.loads(line)) for line in file if line.endswith("\n"))
