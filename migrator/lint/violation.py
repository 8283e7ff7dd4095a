"""A violation: one finding of one rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One finding: which rule, how bad, where, what, and what to do about it."""

    rule: str
    severity: Severity
    migration: str
    """Name of the migration, or '' for what concerns the whole manifest."""
    message: str
    hint: str | None = None
    path: Path | None = None
    line: int | None = None
    """Counted from 1."""
    dialects: tuple[str, ...] = ()
    """Databases that it is true of; empty when it does not depend on one."""
