"""Transitions: movements of data, declared once and read in several ways."""

from __future__ import annotations

from migrator.transitions.batch import MOST_KEYS, Range, any_key, lock
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
    "MOST_KEYS",
    "Expression",
    "Failure",
    "Moved",
    "Range",
    "Row",
    "Transition",
    "any_key",
    "convert",
    "expression",
    "fill",
    "lock",
    "merge",
    "move",
    "python",
    "rename",
    "repoint",
    "retype",
    "split",
]
