"""Settings: where the manifest is, which database is meant, which models map it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL

URL_VARIABLE = "MIGRATOR_DATABASE_URL"
MANIFEST = "versions.json"
KEYS = ("manifest", "url-variable", "models")
MAX_BYTES = 1024 * 1024

_SECRETS = ("pass", "pwd", "secret", "token", "sslkey", "credential")
"""Parts of the names of URL parameters whose values are not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `[tool.migrator]`, the environment and the command line say together."""

    manifest: Path
    url: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ()
    root: Path = field(default_factory=Path.cwd)
    """Folder of pyproject.toml: the models are imported from here."""
    url_variable: str = URL_VARIABLE

    def database_url(self) -> str:
        """Return the URL of the database; raise ConfigurationError when nobody gave one."""
        if self.url is None:
            raise ConfigurationError(
                "no database is given",
                hint=f"set {self.url_variable} or give --database URL",
            )
        return self.url


def load_settings(
    start: Path,
    manifest: Path | None = None,
    database: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings for work in the folder *start*.

    They are in the nearest pyproject.toml, at or above *start*, that has a table
    `[tool.migrator]`. *manifest* and *database*, of the command line, come first; then
    MIGRATOR_DATABASE_URL, then the variable that `url-variable` names.
    """
    root, table = _find(start.absolute())
    variable = _string(table, "url-variable", URL_VARIABLE, root)
    return Settings(
        manifest=start.absolute() / manifest
        if manifest is not None
        else root / _string(table, "manifest", MANIFEST, root),
        url=database or environ.get(URL_VARIABLE) or environ.get(variable) or None,
        models=_strings(table, "models", root),
        root=root,
        url_variable=variable,
    )


def show_url(url: str | URL) -> str:
    """Return *url* as it may be shown: no password, neither before the host nor after the `?`."""
    import sqlalchemy as sa

    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return "(a URL that cannot be read)"
    hidden = {
        name: "***" for name in parsed.query if any(part in name.lower() for part in _SECRETS)
    }
    shown = parsed.update_query_dict(hidden) if hidden else parsed
    return shown.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def _find(start: Path) -> tuple[Path, Mapping[str, object]]:
    """Return the folder and the table of the nearest pyproject.toml that speaks of us."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        table = _read(path) if path.is_file() else None
        if table is not None:
            return folder, table
    return start, {}


def _read(path: Path) -> Mapping[str, object] | None:
    """Return `[tool.migrator]` of *path*, checked for unknown keys, or None without one."""
    try:
        text = path.read_bytes()[: MAX_BYTES + 1]
        if len(text) > MAX_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAX_BYTES} bytes")
        document = tomllib.loads(text.decode())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("migrator") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: tool.migrator is {table!r}, expected a table")
    for key in table:
        _refuse_unknown(key, path)
    return table


def _refuse_unknown(key: str, path: Path) -> None:
    """Raise ConfigurationError unless *key* is one of ours."""
    if key in KEYS:
        return
    near = get_close_matches(key.replace("_", "-"), KEYS, n=1)
    raise ConfigurationError(
        f"{path}: unknown key {key!r} in [tool.migrator], expected one of {', '.join(KEYS)}",
        hint=f"did you mean {near[0]}?" if near else None,
    )


def _string(table: Mapping[str, object], key: str, default: str, root: Path) -> str:
    """Return the text at *key*, which may be missing but not empty."""
    value = table.get(key, default)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(
            f"{root / 'pyproject.toml'}: {key} in [tool.migrator] is {value!r}, expected a text"
        )
    return value


def _strings(table: Mapping[str, object], key: str, root: Path) -> tuple[str, ...]:
    """Return the list of import paths at *key*."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(
            f"{root / 'pyproject.toml'}: {key} in [tool.migrator] is {value!r}, "
            'expected a list like ["cloud.models"]'
        )
    for each in value:
        if not all(part.isidentifier() for part in each.replace(":", ".").split(".")):
            raise ConfigurationError(
                f"{root / 'pyproject.toml'}: {key} in [tool.migrator] names {each!r}, "
                "expected an import path like 'cloud.models'"
            )
    return tuple(value)
