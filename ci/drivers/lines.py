"""Lines of JSON that a tool under test writes: read strictly, and never believed to be short."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

import msgspec
from typing_extensions import override

from ci.drivers.base import Event, Ran
from ci.errors import SetupError

LONGEST = 1 << 20
"""Bytes of a line; a longer one is no event."""

Shape = TypeVar("Shape")
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
"""No more than what a step could take: what is told to be is none."""
Moment: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Told(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """One object on a line of its own."""

    @property
    def event(self) -> Event:
        """What it means for the walk."""
        raise NotImplementedError


class Statement(Told, frozen=True, kw_only=True, tag="statement"):
    """A statement ended."""

    at: Moment
    sql: str
    seconds: Seconds

    @property
    @override
    def event(self) -> Ran:
        return Ran(sql=self.sql, seconds=self.seconds, at=self.at)


def read_line(line: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape | None:
    """Return the object that *line* holds, None where it holds none that *decoder* takes."""
    if len(line) > LONGEST or not line.lstrip().startswith(b"{"):
        return None
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def read_last(output: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape | None:
    """Return the object on the last line of *output* that holds one, None without one."""
    found = (read_line(line, decoder) for line in reversed(output.splitlines()))
    return next((each for each in found if each is not None), None)


def unread(step: str, *, hint: str | None = None) -> SetupError:
    """Return the error for output in which nothing can be read."""
    return SetupError(
        "the tool printed nothing that can be read",
        step=step,
        hint=hint or "the run's private folder has all that it printed",
    )
