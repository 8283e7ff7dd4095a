"""Result: the document that one job gives back, all that is published of it.

It holds names that are in the public source, numbers, and statements without literals: no
row, no message of a driver, no output of a program. It is decoded strictly, and a document
over LIMIT is refused unread.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from ci.datasets.dataset import Budget, Measure  # noqa: TC001 - msgspec reads the annotations
from ci.errors import CiError
from ci.timing import Engine, Step, Timing  # noqa: TC001 - the same

if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
LIMIT = 4 << 20
"""Bytes of a document."""


class Colour(StrEnum):
    """What a verdict comes to; yellow never fails."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Rule(StrEnum):
    """Why a finding was made."""

    BUDGET = "budget"
    SLOWER = "slower"
    """Than the baseline in the same run."""
    SETUP = "setup"
    UNFINISHED = "unfinished"
    """A migration began and did not end."""
    SCHEMA = "schema"
    """The schema after the walk is not that of the models."""
    DIVERGED = "diverged"
    """The history of the database is not that of the tree."""
    NOTHING_RAN = "nothing-ran"
    GUARD = "guard"
    FAILED = "failed"
    DEADLINE = "deadline"
    MISMATCH = "mismatch"
    """What the tool said of itself does not agree with what the server saw."""
    NOISE = "noise"
    """Too unsteady to be judged."""
    PACE = "pace"
    """How fast data moves, and how long that takes at production size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason of a verdict, which explains itself."""

    colour: Colour
    rule: Rule
    step: Step | None = None
    said: str
    """What was measured, against what, in one sentence."""
    measure: Measure | None = None
    measured: float | None = None
    against: float | None = None
    confirmed: bool = False
    """Seen again in a second run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong, in words that may be published."""

    rule: Rule
    error: str = ""
    """The class of the error that code under test, or its driver, has raised."""
    said: str = ""
    """What we say of it ourselves."""
    sqlstate: str | None = None
    names: tuple[str, ...] = ()
    step: Step | None = None
    phase: str = ""
    """install, restore, upgrade to kilo, baseline, change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The timings of one tree: of each step as many as it was run."""

    sha: str
    timings: tuple[Timing, ...] = ()
    failures: tuple[Failure, ...] = ()
    schema: tuple[str, ...] | None = None
    """How the schema differs at the end from the models; None when nobody has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a step of the change may take."""

    step: Step
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What it was measured on."""

    cpus: int
    memory_bytes: int
    load: float
    """Load average when it began."""
    python: str
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one job found: one change, one dataset, one engine."""

    format: int = FORMAT
    run: str
    """The run's name, which is in the addresses of its pages."""
    project: str
    dataset: str
    engine: Engine
    began: str
    """UTC, ISO 8601."""
    seconds: float
    baseline: Walked | None = None
    change: Walked | None = None
    budgets: tuple[Allowed, ...] = ()
    failures: tuple[Failure, ...] = ()
    """Of what comes before baseline and change – install, restore, releases –, and what has cut
    the walks short."""
    findings: tuple[Finding, ...] = ()
    machine: Machine | None = None
    again: str = ""
    """The command that repeats it at home."""

    @property
    def colour(self) -> Colour:
        """Return the worst that was found."""
        found = {each.colour for each in self.findings}
        return next((each for each in (Colour.RED, Colour.YELLOW) if each in found), Colour.GREEN)


def size_of(result: Result) -> int:
    """Return how many bytes the document of *result* has."""
    return len(msgspec.json.encode(result))


def encode(result: Result) -> bytes:
    """Return *result* as JSON. Raises CiError for one that is larger than LIMIT."""
    found = msgspec.json.encode(result)
    if len(found) > LIMIT:
        raise CiError(f"a result of {len(found)} bytes, expected at most {LIMIT}")
    return found


def decode(document: bytes) -> Result:
    """Return the result in *document*. Raises CiError for anything that is none."""
    if len(document) > LIMIT:
        raise CiError(f"a result of {len(document)} bytes, expected at most {LIMIT}")
    try:
        found = msgspec.json.decode(document, type=Result)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CiError("this is no result of ci") from error
    if found.format != FORMAT:
        raise CiError(f"a result of format {found.format}, expected {FORMAT}")
    return found


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a result."""
    return msgspec.json.schema(Result)
