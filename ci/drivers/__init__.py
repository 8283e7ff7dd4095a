"""Drivers: how to ask a migration tool for its steps, and to run one; one tool a file."""

from __future__ import annotations

import inspect
import os
import tomllib
from typing import TYPE_CHECKING

from ci.drivers.alembic import Alembic
from ci.drivers.migrator import Migrator
from ci.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.drivers.base import Driver

__all__ = ["DRIVERS", "Alembic", "Migrator", "driver_of"]

DRIVERS: tuple[type[Migrator] | type[Alembic], ...] = (Migrator, Alembic)


def driver_of(name: str | None, options: Mapping[str, str], document: bytes = b"") -> Driver:
    """Return the driver called *name*, migrator without one, with its *options*.

    *document* is the pyproject.toml that they are from. Raises ConfigurationError for an option
    that it does not have.
    """
    known = {each().name: each for each in DRIVERS}
    made = known[name or "migrator"]
    parameters = set(inspect.signature(made).parameters) - {"name", "listed"}
    for each in options:
        if each not in parameters:
            raise ConfigurationError(
                f"tool.ci.options has {each!r}",
                hint=f"{made().name} has {', '.join(sorted(parameters))}",
            )
    if made is Migrator:
        return Migrator(**options, listed=_manifest_in(document))
    return made(**options)


def _manifest_in(document: bytes) -> str | None:
    """Return the manifest that `[tool.migrator]` of *document* names; None where it does not."""
    tool = tomllib.loads(document.decode("utf-8")).get("tool", {})
    table = tool.get("migrator") if isinstance(tool, dict) else None
    named = table.get("manifest") if isinstance(table, dict) else None
    return os.path.normpath(named) if isinstance(named, str) else None
