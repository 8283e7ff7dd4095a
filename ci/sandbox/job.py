"""Job: one program of the code under test, what it is given and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ci.errors import ConfigurationError
from ci.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A program to be run on the code under test."""

    arguments: Sequence[str]
    """The first is the path of the program, or its name in PATH of *variables*."""
    folder: Path
    """Where it runs; one that is in *readable* or *writable*, or below."""
    readable: Sequence[Path] = ()
    """Folders and files that are there under the same path, read-only.

    So is the folder of a server's socket, which can be reached if others may enter the folder.
    """
    writable: Sequence[Path] = ()
    """Folders that are there under the same path; as root we give what is in them to its user."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All of its environment, beside what every program is given."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for path in (self.folder, *self.readable, *self.writable):
            if not path.is_absolute() or path == Path("/"):
                raise ConfigurationError(f"{path} cannot be given to a sandbox")
        if any("\0" in each for each in (*self.arguments, *self.variables.values())):
            raise ConfigurationError("a NUL cannot be given to a program")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job ended by itself."""

    status: int
    """Its exit status, 128 and more when a signal ended it."""
    seconds: float
    dropped: int = 0
    """Bytes of its output that were more than it may say, and that nobody has heard."""


class Sandbox(Protocol):
    """What runs jobs."""

    confined: bool
    """Whether it can be trusted with code that cannot be."""

    def run(
        self,
        job: Job,
        *,
        log: Path,
        seconds: float,
        step: str,
        hear: Callable[[bytes], None] = ...,
    ) -> Ended:
        """Run *job* to its end, when nothing of it is left, and return how that was.

        Each line of its standard output goes to *hear* as it comes. All of its output goes
        to *log*, a private file, with what a terminal would obey spelt out. Raises
        DeadlineError after *seconds*.
        """
