"""Every error that ci raises, in one tree.

CiError                    catch this to catch all of ours
├── ConfigurationError     the settings, or what was asked for, cannot be used
├── DatasetError           a dataset cannot be used
├── ToolError              a program or a package that is needed is missing, or failed
│   ├── SandboxError       untrusted code cannot be confined on this machine
│   └── AwayError          who carries out jobs is not there, or has died; may come back
├── SetupError             a step before the change failed; .step
├── DeadlineError          a step took longer than it may; .step, .seconds
├── CheckoutError          git could not bring what was asked for
│   └── ConflictError      the change does not merge onto its target
├── BusyError              another runner measures on this machine, and is not waited for
├── UnwantedError          nobody waits any more for what was to be done
└── ReviewError            a code review server refused, or could not be reached

An error's text never holds what is in a row, nor what untrusted code has said: that stays in
the private folder of the run.
"""

from __future__ import annotations


class CiError(Exception):
    """Anything that ci refuses or fails to do.

    *hint* says what to do about it; the command line shows it on a line of its own.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(CiError):
    """The settings, or what was asked for, cannot be used."""


class DatasetError(CiError):
    """A dataset cannot be used."""


class ToolError(CiError):
    """A program or a package that is needed is missing, or failed."""


class SandboxError(ToolError):
    """Untrusted code cannot be confined on this machine."""


class AwayError(ToolError):
    """Who carries out jobs is not there, or has died; it may come back."""


class SetupError(CiError):
    """A step before the change failed; *step* says which: install, restore, upgrade to kilo."""

    def __init__(self, message: str, *, step: str, hint: str | None = None) -> None:
        super().__init__(f"{step}: {message}", hint=hint)
        self.problem = message
        self.step = step


class DeadlineError(CiError):
    """A step took longer than the *seconds* that it may; nothing of it runs any more."""

    def __init__(self, step: str, seconds: float) -> None:
        super().__init__(f"{step}: not done after {seconds:g} s, and ended")
        self.step = step
        self.seconds = seconds


class CheckoutError(CiError):
    """Git could not bring what was asked for."""


class ConflictError(CheckoutError):
    """The change does not merge onto its target."""


class BusyError(CiError):
    """Another runner measures on this machine, and is not waited for."""

    exit_code = 3


class UnwantedError(CiError):
    """Nobody waits any more for what was to be done."""


class ReviewError(CiError):
    """A code review server refused, or could not be reached."""
