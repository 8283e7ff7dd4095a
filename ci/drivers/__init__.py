"""Drivers: how to ask a migration tool for its steps, and to run one; one tool a file."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from ci.drivers.alembic import Alembic
from ci.drivers.migrator import Migrator
from ci.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.drivers.base import Driver

__all__ = ["DRIVERS", "Alembic", "Migrator", "driver_of"]

DRIVERS: tuple[type[Migrator] | type[Alembic], ...] = (Migrator, Alembic)


def driver_of(name: str | None, options: Mapping[str, str]) -> Driver:
    """Return the driver called *name*, migrator without one, with its *options*.

    Raises ConfigurationError for an option that it does not have.
    """
    known = {each().name: each for each in DRIVERS}
    made = known[name or "migrator"]
    parameters = set(inspect.signature(made).parameters) - {"name"}
    for each in options:
        if each not in parameters:
            raise ConfigurationError(
                f"tool.ci.options has {each!r}",
                hint=f"{made().name} has {', '.join(sorted(parameters))}",
            )
    return made(**options)
