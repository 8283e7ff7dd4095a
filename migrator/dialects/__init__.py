"""The databases that migrator knows, one a file."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError, PendingRollbackError, StatementError

from migrator.dialects.base import Capabilities, Dialect, Transient
from migrator.dialects.mariadb import MariaDB
from migrator.dialects.mysql import MySQL
from migrator.dialects.postgresql import PostgreSQL
from migrator.dialects.sqlite import SQLite
from migrator.errors import CONNECTING, ConfigurationError, describe_database_error, error_code

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect as SQLAlchemyDialect
    from sqlalchemy.exc import SQLAlchemyError

__all__ = [
    "DIALECTS",
    "Capabilities",
    "Dialect",
    "Transient",
    "dialect_named",
    "dialect_of",
    "is_about_a_row",
    "is_fenced",
    "said",
    "transient",
]

DIALECTS: tuple[Dialect, ...] = (PostgreSQL(), MySQL(), MariaDB(), SQLite())


def dialect_named(name: str) -> Dialect:
    """Return the dialect called *name*, as in a migration's file name."""
    for dialect in DIALECTS:
        if dialect.name == name:
            return dialect
    names = [each.name for each in DIALECTS]
    near = get_close_matches(name, names, n=1)
    raise ConfigurationError(
        f"unknown database {name!r}, expected one of {', '.join(names)}",
        hint=f"did you mean {near[0]}?" if near else None,
    )


def dialect_of(dialect: SQLAlchemyDialect) -> Dialect:
    """Return ours for SQLAlchemy's *dialect*; a MariaDB server counts as MariaDB."""
    if getattr(dialect, "is_mariadb", False):
        return dialect_named("mariadb")
    return dialect_named(dialect.name)


def transient(dialect: Dialect, error: SQLAlchemyError) -> Transient | None:
    """Return why *error* may pass when the work is tried again, or None when it will not."""
    # What is done next on a connection that was lost hides the first error behind its own.
    if getattr(error, "connection_invalidated", False) or isinstance(error, PendingRollbackError):
        return Transient.LOST
    return dialect.transient.get(error_code(error) or "")


def is_fenced(dialect: Dialect, error: Exception) -> bool:
    """Return whether a fence raised *error*: a contract that is under way, or was cut short."""
    return dialect.fenced is not None and dialect.fenced in str(getattr(error, "orig", ""))


def is_about_a_row(dialect: Dialect, error: Exception) -> bool:
    """Return whether the data of one row can be the cause of *error*, so that others may do better.

    Without a code it was the driver that could not send a value.
    """
    if is_fenced(dialect, error):
        return False
    code = error_code(error)
    if code is not None:
        message = str(getattr(error, "orig", ""))
        return code.startswith(dialect.row_errors) or message.startswith(dialect.row_messages)
    return isinstance(error, StatementError) and not isinstance(error, OperationalError)


def said(dialect: Dialect, error: Exception) -> str:
    """Return what may be told of *error*: the driver's words too, unless they may hold a row."""
    known = describe_database_error(error)
    original = getattr(error, "orig", None) or error
    if getattr(error, CONNECTING, False) or is_about_a_row(dialect, error):
        return known
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    words = str(primary or (original.args[-1] if original.args else "")).strip()
    return f"{known}: {words.splitlines()[0]}" if words else known
