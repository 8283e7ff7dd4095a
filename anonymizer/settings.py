"""Settings: which models and which file hold the decisions, from `[tool.anonymizer]`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from anonymizer.errors import AnonymizerError
from anonymizer.passed import KEEPABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = ("keep", "models", "policy", "secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `[tool.anonymizer]` in the nearest pyproject.toml says."""

    models: tuple[str, ...] = ()
    """Modules with models: 'app.models', or 'app.models:Base' for one base or metadata."""
    policy: Path | None = None
    """File with decisions on tables that have no models."""
    secret: Path | None = None
    """File that holds the secret."""
    keep: Mapping[str, str] = field(default_factory=dict)
    """What passes although it holds data and is no column, of `passed.KEEPABLE`, and why."""
    root: Path = field(default_factory=Path.cwd)
    """Folder of pyproject.toml: models are imported from here."""


def load_settings(start: Path) -> Settings:
    """Return the settings for work in the folder *start*: of it, or the nearest above it.

    Raises AnonymizerError for a file that cannot be read, and for what means nothing in it.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        table = _read(path) if path.is_file() else None
        if table is not None:
            return Settings(
                models=_names(table.get("models", []), path),
                policy=_path(table, "policy", path),
                secret=_path(table, "secret", path),
                keep=_keep(table.get("keep", {}), path),
                root=folder,
            )
    return Settings(root=start)


def _read(path: Path) -> Mapping[str, object] | None:
    """Return `[tool.anonymizer]` of *path*, None without one."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AnonymizerError(f"{path} cannot be read: {error}") from error
    tool = document.get("tool")
    table = tool.get("anonymizer") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise AnonymizerError(f"{path}: tool.anonymizer is no table")
    for key in table:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(KEYS)}"
            raise AnonymizerError(f"{path}: tool.anonymizer has {key!r}", hint=known)
    return table


def _names(value: object, path: Path) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise AnonymizerError(
            f"{path}: tool.anonymizer.models is no list of names",
            hint='expected models = ["app.models"]',
        )
    return tuple(listed)


def _keep(value: object, path: Path) -> Mapping[str, str]:
    listed = value if isinstance(value, dict) else {"": ""}
    for what, why in listed.items():
        if what not in KEEPABLE or not isinstance(why, str) or not why.strip():
            raise AnonymizerError(
                f"{path}: tool.anonymizer.keep has no reason for {what!r}, or does not know it",
                hint=f'expected {", ".join(KEEPABLE)}, as keep = {{{KEEPABLE[0]} = "why"}}',
            )
    return listed


def _path(table: Mapping[str, object], key: str, path: Path) -> Path | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise AnonymizerError(f"{path}: tool.anonymizer.{key} is no path")
    return path.parent / value
