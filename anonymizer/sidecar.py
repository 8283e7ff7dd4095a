"""Sidecar: the manifest beside an output, which says how it was made and holds no value."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from anonymizer.errors import AnonymizerError
from anonymizer.output import written_aside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
SUFFIX = ".anonymized.json"
SCALED = ".scaled.json"
"""End of the name of a manifest, and of that of an output that was scaled and not masked."""
PACKAGE = "migrator"
"""What is installed, of which anonymizer is a part."""

_COUNT = {"type": "integer", "minimum": 0}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_MOMENT = {"type": "string", "format": "date-time"}
_VERSION = {"type": ["string", "null"]}


def _object(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has all of *properties* and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _map_of(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


_FILE = _object(name={"type": "string", "pattern": "^[^/\\\\]*$"}, size=_COUNT, sha256=_DIGEST)
_COLUMN = _object(values=_COUNT, nulls=_COUNT, replaced=_COUNT, kept=_COUNT)

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "How an output of anonymizer was made",
    **_object(
        format={"const": FORMAT},
        key={"type": "string", "pattern": "^[0-9a-f]{16}$"},
        policy={"type": "string"},
        pools=_map_of({"type": "string"}),
        tool=_VERSION,
        faker=_VERSION,
        input={"anyOf": [_FILE, {"type": "null"}]},
        output=_FILE,
        started=_MOMENT,
        ended=_MOMENT,
        tables=_map_of(_object(rows=_COUNT, columns=_map_of(_COLUMN))),
        dropped={"type": "array", "items": {"type": "string"}},
        passed={"type": "array", "items": {"type": "string"}},
        one_way={"type": "boolean"},
        scale={"type": "number", "exclusiveMinimum": 0},
    ),
}
"""JSON schema of the manifest."""


def _version(package: str) -> str | None:
    """Return the version of *package*, None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file, or a folder of files taken together, without where it is."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCount:
    """What became of one column's values."""

    values: int
    """Those that were not NULL."""
    nulls: int
    replaced: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCount:
    """What became of one table's rows."""

    rows: int
    columns: Mapping[str, ColumnCount] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """How an output was made: enough to make it again for who has the key, nothing for others."""

    key: str
    """The id of the key, never the key."""
    policy: str
    """Digest of the decisions."""
    pools: Mapping[str, str] = field(default_factory=dict)
    """Pool of words → its digest."""
    tool: str | None = field(default_factory=lambda: _version(PACKAGE))
    faker: str | None = field(default_factory=lambda: _version("Faker"))
    input: File | None
    """None when it was not a file."""
    output: File
    started: datetime
    ended: datetime
    tables: Mapping[str, TableCount] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    """What is not in the output, as "statistics"."""
    passed: tuple[str, ...] = ()
    """What passed unchanged and may hold data, as comments."""
    one_way: bool = False
    """Whether nobody has the key any more."""
    scale: float = 1.0

    def __post_init__(self) -> None:
        for moment in (self.started, self.ended):
            if moment.tzinfo is None:
                raise ValueError("a moment without a zone")

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as it is written."""
        moments = {
            name: getattr(self, name).astimezone(UTC).isoformat(timespec="seconds")
            for name in ("started", "ended")
        }
        lists = {"dropped": list(self.dropped), "passed": list(self.passed)}
        shown = {"format": FORMAT, **asdict(self), **moments, **lists}
        return {name: shown[name] for name in SCHEMA["required"]}


def path_of(output: Path, suffix: str = SUFFIX) -> Path:
    """Return where the manifest of *output* is."""
    return output.with_name(output.name + suffix)


def measure(path: Path) -> File:
    """Return the size and the digest of what is at *path*; a folder's are of all its files."""
    if not path.is_dir():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return File(name=path.name, size=path.stat().st_size, sha256=digest)
    parts = {
        each.relative_to(path).as_posix(): measure(each)
        for each in sorted(path.rglob("*"))
        if each.is_file()
    }
    listed = "".join(f"{part.sha256}  {name}\n" for name, part in parts.items())
    return File(
        name=path.name,
        size=sum(part.size for part in parts.values()),
        sha256=hashlib.sha256(listed.encode()).hexdigest(),
    )


def write(sidecar: Sidecar, output: Path, suffix: str = SUFFIX) -> Path:
    """Write *sidecar* beside *output*, aside first, and return where it is."""
    target = path_of(output, suffix)
    with written_aside(target) as file:
        file.write(json.dumps(sidecar.as_json(), indent=2, ensure_ascii=False).encode() + b"\n")
    return target


def read(path: Path) -> Sidecar:
    """Return the manifest at *path*.

    Raises AnonymizerError when it is none, or of a newer format.
    """
    try:
        said = json.loads(path.read_bytes())
        found = said.pop("format")
        if found != FORMAT:
            raise AnonymizerError(
                f"{path.name}: a manifest of format {found!r}, expected {FORMAT}",
                hint="use the version of anonymizer that wrote it, or a newer one",
            )
        return _sidecar(said)
    except OSError as error:
        raise AnonymizerError(f"{path.name}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise AnonymizerError(
            f"{path.name}: no manifest of anonymizer",
            hint=f"it is written beside the output, and called OUTPUT{SUFFIX}",
        ) from None


def verify(output: Path) -> tuple[str, ...]:
    """Return how *output* differs from what its manifest says; nothing when it is the same."""
    said, found = read(path_of(output)).output, measure(output)
    if said.size != found.size:
        return (f"{found.size:,} bytes, expected {said.size:,}",)
    if said.sha256 != found.sha256:
        return ("another SHA-256 than expected: it was changed since",)
    return ()


def _sidecar(said: dict[str, Any]) -> Sidecar:
    tables = {
        name: TableCount(
            rows=table["rows"],
            columns={key: ColumnCount(**count) for key, count in table["columns"].items()},
        )
        for name, table in said["tables"].items()
    }
    read = {
        "input": said["input"] and File(**said["input"]),
        "output": File(**said["output"]),
        "started": datetime.fromisoformat(said["started"]),
        "ended": datetime.fromisoformat(said["ended"]),
        "dropped": tuple(said["dropped"]),
        "passed": tuple(said.get("passed", ())),
        "tables": tables,
    }
    return Sidecar(**{**said, **read})
