"""The report of an error, as `--json` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from migrator.errors import MigratorError


def error_as_json(error: MigratorError) -> dict[str, Any]:
    """Return the object that ends the output of `--json` when not all could be done."""
    return {
        "event": "error",
        "error": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "blockers": [each.as_json() for each in getattr(error, "blockers", ())],
    }
