"""Where: how far a job is, for those who wait for it; one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

LONGEST = 4096
"""Bytes of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What a job begins at this moment."""

    phase: str
    """Restore, install, upgrade to kilo, baseline, change."""
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
