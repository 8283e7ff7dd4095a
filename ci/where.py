"""Where: how far a job is, for those who wait for it; one JSON object a line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 4096
"""Bytes of a line."""
MOST = 1 << 16
"""Bytes that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What a job begins at this moment."""

    phase: str
    """Restore, install, upgrade to kilo, baseline, change."""
    engine: str = ""
    run: int | None = None
    """Which one of *runs*; 0 is the cold one."""
    runs: int | None = None
    again: bool = False
    """Whether it is the second look."""
    step: str = ""
    """What is run, in words that may be published."""

    @property
    def round(self) -> str:
        """Return which run it is, as people say it; nothing before the first."""
        if self.run is None:
            return ""
        number = f"run {self.run} of {self.runs}"
        if self.run == 0:
            number = "cold run"
        elif self.run > (self.runs or 0):
            number = f"run {self.run}, as they differ much"
        return f"second look, {number}" if self.again else number

    @property
    def said(self) -> str:
        """Return all of it but the engine."""
        return ", ".join(each for each in (self.phase, self.round, self.step) if each)


def encode(where: Where) -> bytes:
    """Return *where* as a line."""
    return msgspec.json.encode(where) + b"\n"


def decode(line: bytes) -> Where | None:
    """Return what *line* says; None for what is no line of ours, or not all of one."""
    if len(line) > LONGEST:
        return None
    try:
        return msgspec.json.decode(line, type=Where)
    except (msgspec.DecodeError, RecursionError):
        return None


class Follower:
    """Reads what is added to an open *file*, and leaves alone where its writer is."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._read = 0

    def news(self) -> Iterator[Where]:
        """Yield what was told since the last time."""
        found = os.pread(self._file, MOST, self._read)
        whole, end, _ = found.rpartition(b"\n")
        self._read += len(whole) + len(end)
        for line in whole.split(b"\n"):
            where = decode(line)
            if where is not None:
                yield where
