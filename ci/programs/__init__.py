"""Programs: run with a deadline, each under a warden that leaves nothing of it behind."""

from __future__ import annotations

from ci.programs.find import find_program
from ci.programs.program import Program, Running, User, failure, is_full, run, run_well, start
from ci.programs.remove import remove

__all__ = [
    "Program",
    "Running",
    "User",
    "failure",
    "find_program",
    "is_full",
    "remove",
    "run",
    "run_well",
    "start",
]
