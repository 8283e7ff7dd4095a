"""Schema changes with no downtime: expand, move the data at run time, contract.

Importing this package in an application pulls in SQLAlchemy and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migrator.errors import MigratorError
from migrator.transitions import (
    Expression,
    Failure,
    Moved,
    Row,
    Transition,
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

if TYPE_CHECKING:
    from migrator.services import Service, register
    from migrator.transitions.converter import attach_converters

__all__ = [
    "Expression",
    "Failure",
    "MigratorError",
    "Moved",
    "Row",
    "Service",
    "Transition",
    "attach_converters",
    "convert",
    "expression",
    "fill",
    "merge",
    "move",
    "python",
    "register",
    "rename",
    "repoint",
    "retype",
    "split",
]

_LATER = {
    "Service": "migrator.services",
    "attach_converters": "migrator.transitions.converter",
    "register": "migrator.services",
}
"""Names that need more than SQLAlchemy's core; imported when they are asked for."""


def __getattr__(name: str) -> Any:
    """Return what is imported only when it is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
