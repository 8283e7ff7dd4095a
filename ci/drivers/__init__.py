"""Drivers: how to ask a migration tool for its steps, and to run one; one tool a file."""

from __future__ import annotations

from ci.drivers.alembic import Alembic
from ci.drivers.migrator import Migrator

__all__ = ["DRIVERS", "Alembic", "Migrator"]

DRIVERS = (Migrator, Alembic)
"""A driver has a class here; `[tool.ci.driver]` names one and its options."""
