"""Every error that anonymizer raises, in one tree.

AnonymizerError            catch this to catch all of ours
├── PolicyError            the decisions cannot be used; .problems
│   └── UnreadableError    they cannot be read: a file or a module is not there, or broken
├── SecretError            the secret cannot be used
├── ToolError              a program or a package that is needed is missing, or failed
├── DumpError              a dump cannot be read; .table, .line, .byte
│   └── ValueRefusedError  a mask cannot serve a value; .column, .row
└── LeakError              something sensitive would have been, or was, left in the output

An error's text never holds what is in a row: only where it is, and of what kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class AnonymizerError(Exception):
    """Anything that anonymizer refuses or fails to do.

    *hint* says what to do about it; the command line shows it on a line of its own.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PolicyError(AnonymizerError):
    """The decisions cannot be used; *problems* has one line for each that is wrong."""

    exit_code = 1

    def __init__(
        self, message: str, *, problems: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class UnreadableError(PolicyError):
    """The decisions cannot be read: there is no answer, not even no."""

    exit_code = 2


class SecretError(AnonymizerError):
    """The secret cannot be used: it is missing, too short, or where others may read it."""


class ToolError(AnonymizerError):
    """A program or a package that is needed is missing, or failed."""


class DumpError(AnonymizerError):
    """A dump cannot be read; *line* is counted from 1, *byte* from 0, of the plain text.

    *problem* is what is wrong, without the place.
    """

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        line: int | None = None,
        byte: int | None = None,
        hint: str | None = None,
    ) -> None:
        places = (("table", table), ("line", line), ("byte", byte))
        where = ", ".join(f"{name} {place}" for name, place in places if place is not None)
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.problem = message
        self.table = table
        self.line = line
        self.byte = byte


class ValueRefusedError(DumpError):
    """A mask cannot serve a value; *row* is its place in what was masked, counted from 0."""

    def __init__(
        self, message: str, *, column: str = "", row: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(f"column {column}: {message}", hint=hint)
        self.column = column
        self.row = row


class LeakError(AnonymizerError):
    """Something sensitive would have been, or was, left in the output.

    *value* is the place of the first that a mask cannot serve, among those it was given.
    """

    exit_code = 3

    def __init__(self, message: str, *, value: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.value = value
