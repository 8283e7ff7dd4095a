"""Timing: what was measured of one step, once, on one dataset.

Seconds are of the monotonic clock of the machine, which the runner and what it runs share,
and never hold the start of a process. A figure that a database cannot give is None, which is
not the same as 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Engine(StrEnum):
    """The database that a dataset is restored into."""

    POSTGRESQL = "postgresql"
    MARIADB = "mariadb"
    SQLITE = "sqlite"


class Kind(StrEnum):
    """What a step does."""

    EXPAND = "expand"
    CONTRACT = "contract"
    UPGRADE = "upgrade"
    """A step of a tool that does not tell expand from contract."""
    MOVE = "move"
    """An online data migration."""


class Access(StrEnum):
    """What a probe does to a table."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One migration, or one movement of data, that is timed on its own."""

    version: str
    """What the tool under test calls it: a number, a revision; of a move its transition."""
    name: str
    kind: Kind
    path: str | None = None
    """The file that a reviewer looks at, from the root of the tree."""

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same step in another tree."""
        return self.kind.value, self.name

    @property
    def title(self) -> str:
        """Version and name; the name alone where it begins with the version."""
        return self.name if self.name.startswith(self.version) else f"{self.version} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a step, with its literals taken out."""

    sql: str
    calls: int = 1
    seconds: float
    rows: int | None = None
    plan: str | None = None
    """Its plan, if it scans a table."""
    scans: tuple[str, ...] = ()
    """Tables that it reads from end to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock that the step waited for or held."""

    table: str
    mode: str
    """As the database calls it: AccessExclusiveLock, MDL_EXCLUSIVE, EXCLUSIVE."""
    began: float
    """Seconds after the step began."""
    seconds: float
    waited: bool = False
    """Whether it was waited for, not held."""
    blocks: Access | None = None
    """Whom it keeps out: readers, and writers with them, or writers alone; None: nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A probe of a table that had to wait: an application would have, too."""

    table: str
    access: Access
    began: float
    """Seconds after the step began."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the database did for the step; bytes may be fewer than before for a growth."""

    rows_read: int | None = None
    rows_written: int | None = None
    log_bytes: int | None = None
    """WAL or redo."""
    temporary_bytes: int | None = None
    table_growth: int | None = None
    index_growth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen in the database while a step ran."""

    locks: tuple[Lock, ...] | None = None
    """None where the database does not tell."""
    stalls: tuple[Stall, ...] = ()
    probes: int = 0
    """How often tables were probed; without a probe no stall can be seen."""
    counters: Counters = field(default_factory=Counters)
    statements: tuple[Statement, ...] = ()

    def longest_stall(self, access: Access | None = None) -> float | None:
        """Return the seconds of the longest stall, of one *access* or any; None unprobed."""
        if not self.probes:
            return None
        return max(
            (each.seconds for each in self.stalls if access in (None, each.access)), default=0.0
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast rows move, from batches that were timed one by one."""

    moved: int
    batches: int
    rows_per_second: float
    low: float
    high: float | None
    """Rows per second, the interval that holds the true mean with 95 % confidence.

    One batch tells no *high*.
    """
    production_rows: int | None = None
    """Rows at production size, by the dataset's scale."""

    @property
    def eta(self) -> Eta | None:
        """How long the rows at production size take; None where nobody knows how many there are."""
        rows = self.production_rows
        if rows is None or not self.rows_per_second:
            return None
        return Eta(
            seconds=rows / self.rows_per_second,
            best=rows / self.high if self.high else None,
            worst=rows / self.low if self.low else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Eta:
    """Seconds that a movement of data takes, and the interval of 95 % confidence, if it has one."""

    seconds: float
    best: float | None
    worst: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One step, run once."""

    step: Step
    seconds: float
    warm: bool = True
    """Whether the database had the data in memory already, as far as that can be told."""
    observation: Observation = field(default_factory=Observation)
    pace: Pace | None = None
