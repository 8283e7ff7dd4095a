"""Settings: what a project says in `[tool.ci]` of pyproject.toml, on its target branch.

They decide what is run and how far it is trusted, so they are never read from a change.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping  # noqa: TC003 - read when a table is converted
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from ci.errors import ConfigurationError
from ci.strict import convert
from ci.timing import Engine  # noqa: TC001 - read when a table is converted

Count: TypeAlias = Annotated[int, Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
Word: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._/+-]*\Z", max_length=100)]
Variable: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z", max_length=100)]
Ref: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][^\x00-\x20\x7f~^:?*\[\\]*\Z")]
Folder: TypeAlias = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f]+\Z")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a program of the code under test may take."""

    memory_mib: Count = 4096
    """Of each process, and of all together where the machine has control groups for us."""
    processes: Count = 128
    """Processes and threads."""
    files: Count = 1024
    """Open at once, in each process."""
    cpu_seconds: Count = 7200
    """Of each process."""
    file_mib: Count = 20480
    """Size of a file that it writes."""
    temporary_mib: Count = 1024
    """Size of /tmp, which is memory."""
    line_bytes: Count = 1 << 20
    """A longer line of its output is left out."""
    lines: Count = 1_000_000
    """Those that follow are left out."""
    output_mib: Count = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that a step may take before everything of it is ended."""

    fetch: Seconds = 900
    install: Seconds = 900
    restore: Seconds = 7200
    state: Seconds = 120
    upgrade: Seconds = 14400
    """To a release, or to the end of the target branch."""
    step: Seconds = 14400
    """One migration of the change."""
    move: Seconds = 900
    """The sample of one movement of data."""
    job: Seconds = 172_800
    """All of one dataset: it ends a change that has steps without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """When a step counts as slower than its baseline."""

    k: Annotated[float, Meta(ge=1)] = 2.0
    """Standard errors of the difference between the medians, as the MAD tells them."""
    smallest_seconds: Annotated[float, Meta(ge=0)] = 0.05
    smallest_share: Annotated[float, Meta(ge=0)] = 0.25
    """Of the baseline. An effect that is smaller than either does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release that a walk passes through."""

    ref: Ref
    """What git calls it: stable/kilo, refs/tags/1.0."""
    python: Folder | None = None
    """The interpreter it runs with; None: the one of the runner."""


Votes: TypeAlias = "Mapping[Word, Annotated[int, Meta(ge=-10, le=10)]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is voted, if anything: `success = { Verified = 1 }`."""

    success: Votes = field(default_factory=dict)
    failure: Votes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gerrit:
    """Where changes are reviewed; how to log in is told to the runner, not written here."""

    url: Annotated[str, Meta(pattern=r"\Ahttps?://[^\s\x00-\x1f]+\Z")]
    host: Word
    port: Annotated[int, Meta(ge=1, le=65535)] = 29418
    user: Word
    labels: Labels = field(default_factory=Labels)
    recheck: Annotated[str, Meta(min_length=1, max_length=200)] = "recheck"
    """What a comment begins with that asks for another run."""
    project: Word | None = None
    """What Gerrit calls the project; None: as the settings call it."""
    pages: Annotated[str, Meta(pattern=r"\Ahttps?://[^\s\x00-\x1f]+\Z")] | None = None
    """Where the folder of pages is served, which a review links to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `[tool.ci]` says; a key of several words is written with dashes."""

    project: Word | None = None
    driver: Literal["migrator", "alembic"] | None = None
    """None: migrator."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the driver."""
    url_variable: Variable | None = None
    """The variable that the application takes the database's URL from."""
    database_drivers: Mapping[Engine, Word] = field(default_factory=dict)
    """What it connects with: asyncpg, aiosqlite; else psycopg2, pymysql, Python's own."""
    models: Annotated[str, Meta(pattern=r"\A[\w.]+(:[\w.]+)?\Z")] | None = None
    """Module, or module:name, of the models that the schema is compared with."""
    paths: tuple[str, ...] = ()
    """Patterns of files that matter, beside those that the driver knows."""
    releases: Mapping[Word, Release] = field(default_factory=dict)
    """Oldest first."""
    python: Folder | None = None
    requirements: tuple[Folder, ...] = ()
    """Files of requirements that are installed, beside what pyproject.toml says."""
    extras: tuple[Word, ...] = ()
    wheels: tuple[Folder, ...] = ()
    """Folders on the runner's machine with wheels that no index has."""
    runs: Annotated[int, Meta(ge=1, le=100)] = 7
    datasets: tuple[Folder, ...] = ("datasets",)
    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: Limits = field(default_factory=Limits)
    verdict: Judging = field(default_factory=Judging)
    gerrit: Gerrit | None = None
    contact: Annotated[str, Meta(max_length=200)] | None = None
    """Whom to ask, an address or a link, at the foot of what is published."""
    retention_days: Count = 90
    trust_target: bool = False
    """Run releases and the target branch without a sandbox."""
    trust_change: bool = False
    """Run the change without a sandbox where none can be had."""


def read_settings(document: bytes, *, where: str = "pyproject.toml") -> Settings:
    """Return what *document*, the pyproject.toml of the target branch, says; defaults without.

    Raises ConfigurationError for what cannot be read, and for what means nothing in it.
    """
    try:
        tool = tomllib.loads(document.decode("utf-8")).get("tool")
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where} cannot be read: {error}") from error
    table = tool.get("ci", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: tool.ci is no table")
    return convert(table, Settings, where=f"{where}: tool.ci")
