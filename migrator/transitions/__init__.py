"""Transitions: movements of data, declared once and read in several ways."""

from __future__ import annotations

from migrator.transitions.kinds import (
    convert,
    expression,
    fill,
    merge,
    move,
    python,
    rename,
    repoint,
    retype,
    split,
)
from migrator.transitions.transition import Expression, Failure, Moved, Row, Transition

__all__ = [
    "Expression",
    "Failure",
    "Moved",
    "Row",
    "Transition",
    "convert",
    "expression",
    "fill",
    "merge",
    "move",
    "python",
    "rename",
    "repoint",
    "retype",
    "split",
]
