"""What SQL does, judged from its text and never by running it."""

from __future__ import annotations

from migrator.sql.statement import Effect, Kind, Statement

__all__ = ["Effect", "Kind", "Statement"]
