"""Settings: what a project says in `[tool.ci]` of pyproject.toml, on its target branch.

They decide what is run and how far it is trusted, so they are never read from a change.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from ci.errors import ConfigurationError

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
    recheck: Annotated[str, Meta(max_length=200)] = "recheck"
    """What a comment begins with that asks for another run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `[tool.ci]` says; a key of several words is written with dashes."""

    project: Word | None = None
    driver: Literal["migrator", "alembic"] | None = None
    """None: what the files of the tree speak for."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the driver."""
    url_variable: Variable | None = None
    """The variable that the application takes the database's URL from."""
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
    known = _known(table, Settings, f"{where}: tool.ci")
    try:
        return msgspec.convert(known, Settings)
    except msgspec.ValidationError as error:
        said = re.sub(r"\$\.?", "tool.ci.", str(error)).replace("_", "-")
        raise ConfigurationError(f"{where}: {said[:1].lower()}{said[1:]}") from error


def _known(table: Mapping[str, object], shape: type, where: str) -> dict[str, object]:
    """Return *table* with its keys as *shape* names them; refuse the others."""
    hints = get_type_hints(shape)
    names = {each.name.replace("_", "-"): each.name for each in fields(shape)}
    found: dict[str, object] = {}
    for key, value in table.items():
        if key not in names:
            near = get_close_matches(key, names, n=1)
            cure = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise ConfigurationError(f"{where} has {key!r}", hint=cure)
        found[names[key]] = _inner(value, hints[names[key]], f"{where}.{key}")
    return found


def _inner(value: object, hint: Any, where: str) -> object:
    """Return *value* with the keys of the tables in it named as *hint* has them."""
    inner = next((each for each in (hint, *get_args(hint)) if is_dataclass(each)), None)
    if inner is None or not isinstance(value, dict):
        return value
    if get_origin(hint) is Mapping:
        tables = {
            key: {"ref": each} if isinstance(each, str) else each for key, each in value.items()
        }
        return {key: _inner(each, inner, f"{where}.{key}") for key, each in tables.items()}
    return _known(value, inner, where)  # type: ignore[arg-type]  # a class, as hints have it
