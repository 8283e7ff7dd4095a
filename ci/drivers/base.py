"""What the runner needs of a migration tool: commands to run in the sandbox, and their events.

A driver imports nothing of the tool: the tree under test brings its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ci.timing import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line of the tool, run in the root of a tree with that tree's environment."""

    arguments: Sequence[str]
    """The first is a program of the tree's virtual environment."""
    variables: Mapping[str, str] = field(default_factory=dict)
    binds: Sequence[Path] = ()
    """Files of ours that it needs, read-only, under the same path."""
    good: frozenset[int] = frozenset({0})
    """Exit codes that mean that the next command may be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A step began, *at* a moment of the monotonic clock."""

    version: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A statement ended, *at* a moment of the monotonic clock, and took *seconds*."""

    sql: str
    seconds: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A step ended, *at* a moment of the monotonic clock, and took *seconds*."""

    version: str
    seconds: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch of a movement of data ended: *rows* moved in *seconds*."""

    transition: str
    rows: int
    seconds: float
    at: float


class Reason(StrEnum):
    """Why a tool would not."""

    GUARD = "guard"
    HISTORY = "history"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The tool would not: the guard blocks a contract, a history diverged, a file is wrong."""

    reason: Reason
    error: str
    """The class of the error."""
    names: tuple[str, ...] = ()
    """Tables, columns, transitions that it is about."""
    sqlstate: str | None = None


Event: TypeAlias = "Began | Ran | Ended | Batch | Refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a database is, as the tool sees it."""

    version: str
    """What is applied last; empty when nothing is."""
    pending: tuple[Step, ...] = ()
    """What is still to be run, in order; movements of data stand before what needs them done.

    It may grow by what is run: an expand declares movements.
    """


class Driver(Protocol):
    """One migration tool."""

    @property
    def name(self) -> str:
        """Return what the settings call it."""

    def touches(self, path: str) -> bool:
        """Return whether a change of this file, from the root of a tree, has to be timed."""

    def adds(self, path: str) -> bool:
        """Return whether a new file of this name is a migration, which has to run."""

    def state(self) -> Command:
        """Return the command that says where the database is."""

    def read_state(self, output: bytes) -> State | Refused:
        """Return what the output of `state` says. Raises SetupError for what says nothing."""

    def run(self, step: Step) -> Command:
        """Return the command that runs one step, all before it being done."""

    def upgrade(self) -> Sequence[Command]:
        """Return the commands that bring the database to where the tree ends."""

    def read(self, line: bytes) -> Event | None:
        """Return what one line of a command's output says; None for what is no event."""
