"""Dataset: a folder with a dump, the release that it is at, its budgets and its scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ci.timing import Engine, Step


class Measure(StrEnum):
    """What a budget limits."""

    SECONDS = "seconds"
    STALL = "stall"
    """Seconds of the longest stall of an application."""
    LOCK = "lock"
    """Seconds that a lock which blocks readers or writers is held."""
    ROWS_READ = "rows_read"
    ROWS_WRITTEN = "rows_written"
    LOG_BYTES = "log_bytes"
    TEMPORARY_BYTES = "temporary_bytes"
    GROWTH = "growth"
    """Bytes of tables and indexes."""
    PRODUCTION = "production"
    """Seconds that a movement of data takes at production size."""


UNITS = {
    Measure.SECONDS: "seconds",
    Measure.STALL: "seconds",
    Measure.LOCK: "seconds",
    Measure.ROWS_READ: "rows",
    Measure.ROWS_WRITTEN: "rows",
    Measure.LOG_BYTES: "bytes",
    Measure.TEMPORARY_BYTES: "bytes",
    Measure.GROWTH: "bytes",
    Measure.PRODUCTION: "seconds",
}
"""What a limit of each is counted in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a measure a step may take."""

    measure: Measure
    limit: float
    reason: str | None = None
    """Why this step may take more than the others; an exception has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What any step may take, and what single ones may, by version or name."""

    default: Mapping[Measure, Budget] = field(default_factory=dict)
    exceptions: Mapping[str, Mapping[Measure, Budget]] = field(default_factory=dict)

    def of(self, step: Step) -> Mapping[Measure, Budget]:
        """Return what *step* may take: the default, and its exceptions over it."""
        found = dict(self.default)
        for called in (step.version, step.name):
            found.update(self.exceptions.get(called, {}))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Real data that migrations are tried on; only *name* and *engine* may be published."""

    name: str
    folder: Path
    dump: Path
    """A file or folder, in any form that the native tools write."""
    engine: Engine
    digest: str
    """Hexadecimal SHA-256 of the dump: the restored state that is kept is known by it."""
    project: str | None = None
    """The project whose migrations it is for; None when there is only one."""
    release: str | None = None
    """The release, or the version, that the data is at; None: what its history says."""
    budgets: Budgets = field(default_factory=Budgets)
    scale: float = 1.0
    """Rows of production for each row of the dataset."""
    runs: int | None = None
    """How often a walk is repeated; None: as the settings say."""
    notes: tuple[str, ...] = ()
    """What people wrote beside it."""
