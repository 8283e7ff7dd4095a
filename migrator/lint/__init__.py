"""Lint: rules that a manifest and its migrations are held to before they run."""

from __future__ import annotations

from migrator.lint.violation import Violation

__all__ = ["Violation"]
