"""Every error that migrator raises, in one tree.

MigratorError                     catch this to catch all of ours
├── ConfigurationError            the settings or the database URL cannot be used
├── ManifestError                 versions.json cannot be used; .line
├── MigrationError                a file of versions/ breaks the contract of a migration
│   ├── NotAdditiveError          an expand would do more than add
│   ├── UnreadableError           what a migration does cannot be judged
│   └── TransitionError           a transition does not fit the columns it names
├── PlanError                     no plan leads from the history to the target
│   └── HistoryDivergedError      what is applied is not what the manifest says
├── ApplyError                    a migration could not be applied
│   ├── LockedError               another migrator holds the lock
│   └── StepError                 the database refused a statement
├── GuardError                    a contract is blocked; .blockers
├── OnlineError                   an online migration could not run
├── ConverterError                a transition cannot be attached to a model
└── DatabaseError                 the database refused a statement or could not be reached
    ├── BusyError                 it did not give the locks, or the time, that were needed
    ├── LostError                 it could not be reached
    └── RowError                  it refused the data of a row

An error's text never holds row data: a driver's message may, so it is replaced by
the exception's class, its SQLSTATE or number, and the names of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class MigratorError(Exception):
    """Anything that migrator refuses or fails to do.

    *hint* says what to do about it; the command line shows it on a line of its own.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(MigratorError):
    """The settings or the database URL cannot be used."""


class ManifestError(MigratorError):
    """versions.json cannot be used; *line* is counted from 1."""

    def __init__(self, message: str, *, line: int | None = None, hint: str | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}", hint=hint)
        self.line = line


class MigrationError(MigratorError):
    """A file of versions/ breaks the contract of a migration."""

    def __init__(
        self, message: str, *, migration: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message if migration is None else f"{migration}: {message}", hint=hint)
        self.migration = migration


class NotAdditiveError(MigrationError):
    """An expand would do more than add."""


class UnreadableError(MigrationError):
    """What a migration does cannot be judged before it is done."""


class TransitionError(MigrationError):
    """A transition does not fit the columns that it names."""


class PlanError(MigratorError):
    """No plan leads from the history to the target."""


class HistoryDivergedError(PlanError):
    """What is applied to the database is not what the manifest says."""


class ApplyError(MigratorError):
    """A migration could not be applied; *number* says which."""

    def __init__(self, message: str, *, number: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.number = number


class LockedError(ApplyError):
    """Another migrator, or another session, holds a lock that is needed."""


class StepError(ApplyError):
    """The database refused a statement of a migration."""


class GuardError(MigratorError):
    """A contract is blocked; nothing was changed."""

    exit_code = 3

    def __init__(
        self, message: str, *, blockers: Sequence[object] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.blockers = tuple(blockers)


class OnlineError(MigratorError):
    """An online migration could not run."""


class ConverterError(MigratorError):
    """A transition cannot be attached to a mapped class."""


class DatabaseError(MigratorError):
    """The database refused a statement or could not be reached.

    *code* is the SQLSTATE or the server's error number, where the driver tells it.
    """

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class BusyError(DatabaseError):
    """The database did not give the locks, or the time, that were needed: others have them."""


class LostError(DatabaseError):
    """The database could not be reached, or was there no more."""


class RowError(DatabaseError):
    """The database refused the data of a row; another row may fare better."""


def error_code(error: BaseException) -> str | None:
    """Return the SQLSTATE, the server's error number or SQLite's error name of *error*."""
    original = getattr(error, "orig", None) or error
    first = original.args[0] if original.args else None
    if isinstance(first, int):
        # Before PyMySQL's SQLSTATE, which is HY000 for most of what a server refuses.
        return str(first)
    for attribute in ("sqlstate", "pgcode", "sqlite_errorname"):
        code = getattr(original, attribute, None)
        if code:
            return str(code)
    return None


CONNECTING = "migrator_connecting"
"""Attribute of an error that was raised before there was a connection: it knows no rows."""


def describe_database_error(error: Exception) -> str:
    """Return what may be said in public of *error*: class, code and names of objects.

    Why a connection was refused is said in the driver's words.
    """
    original = getattr(error, "orig", None) or error
    if getattr(error, CONNECTING, False):
        return next(iter(str(original.args[-1]).strip().splitlines()), type(original).__name__)
    code = error_code(error)
    diagnostics = getattr(original, "diag", None)
    names = [
        f"{what} {name!r}"
        for what in ("table", "column", "constraint")
        if (name := getattr(diagnostics, f"{what}_name", None))
    ]
    said = type(original).__name__ + (f" {code}" if code else "")
    return " on ".join([said, ", ".join(names)]) if names else said


def wrap(
    error: Exception, *, doing: str, kind: type[DatabaseError] = DatabaseError
) -> DatabaseError:
    """Return *error* as ours, without the row data that a driver's message may hold."""
    return kind(f"{doing} failed: {describe_database_error(error)}", code=error_code(error))
