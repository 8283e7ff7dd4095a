"""What the runner needs of a migration tool: commands to run in the sandbox, and their events.

A driver imports nothing of the tool: the tree under test brings its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A step began, *at* a moment of the monotonic clock."""

    version: str
    name: str
    kind: str
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
    table: str
    rows: int
    seconds: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The tool would not: the guard blocks a contract, a history diverged, a file is wrong."""

    kind: str
    """guard, history, error."""
    error: str
    """The class of the error."""
    names: tuple[str, ...] = ()
    """Tables, columns, transitions that it is about."""
    version: str | None = None
    sqlstate: str | None = None


Event: TypeAlias = "Began | Ran | Ended | Batch | Refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a database is, as the tool sees it."""

    version: str | None
    pending: tuple[Step, ...] = ()
    """What is still to be run, in order; movements of data stand where they may be run."""


class Driver(Protocol):
    """One migration tool."""

    name: str

    def touches(self, path: str) -> bool:
        """Return whether a change of this file, from the root of a tree, has to be timed."""

    def state(self) -> Command:
        """Return the command that says where the database is."""

    def read_state(self, output: bytes) -> State:
        """Return what the output of `state` says; raises SetupError for what cannot be read."""

    def run(self, step: Step) -> Command:
        """Return the command that runs one step, all before it being done."""

    def upgrade(self, release: str | None) -> Command:
        """Return the command that brings the database to a release, or to the end of the tree."""

    def read(self, line: bytes) -> Event | None:
        """Return what one line of a command's output says; None for what is no event."""
