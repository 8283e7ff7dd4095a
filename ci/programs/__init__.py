"""Programs: run with a deadline, each under a warden that leaves nothing of it behind."""

from __future__ import annotations

from ci.programs.find import find_program
from ci.programs.program import Program, Running, User, run, run_well, start
from ci.programs.remove import remove

__all__ = ["Program", "Running", "User", "find_program", "remove", "run", "run_well", "start"]
