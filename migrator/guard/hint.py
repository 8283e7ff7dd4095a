"""Hint: what to do about an error of the database that ended a look or a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.dialects import Transient, transient
from migrator.errors import CONNECTING, DatabaseError, error_code, wrap

if TYPE_CHECKING:
    import sqlalchemy as sa

    from migrator.dialects import Dialect

LOST = "run migrator sync again: it finds out what was done and goes on"
TOO_LONG = (
    "the database lets this user's statements run only so long, and the look reads the whole "
    "table: allow it more time (statement_timeout, max_statement_time)"
)
DENIED = (
    "connect as the owner of what the contract changes, who sees every row of it and of what "
    "it looks at, also where there is row level security"
)
READ_ONLY = "this session may only read: give migrator the primary, and a user who may write"
IN_USE = (
    "what the contract drops may still be used by a view, an index, a trigger or a key: drop "
    "that first"
)


def hint_for(dialect: Dialect, error: sa.exc.SQLAlchemyError, *, otherwise: str) -> str:
    """Return what to do about *error*; *otherwise* when its code tells nothing."""
    code = error_code(error)
    if is_lost(dialect, error):
        return LOST
    if code in dialect.timeouts:
        return TOO_LONG
    if code in dialect.denied:
        return DENIED
    return READ_ONLY if code in dialect.read_only else otherwise


def is_lost(dialect: Dialect, error: sa.exc.SQLAlchemyError) -> bool:
    """Return whether the database was there no more, or could not be reached."""
    return getattr(error, CONNECTING, False) or transient(dialect, error) is Transient.LOST


def unseen(dialect: Dialect, error: sa.exc.SQLAlchemyError) -> DatabaseError:
    """Return the *error* of a look as ours, with what to do about it."""
    told = wrap(error, doing="the guard's look")
    told.hint = hint_for(dialect, error, otherwise="") or None
    return told
