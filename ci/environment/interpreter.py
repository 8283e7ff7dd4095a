"""Interpreter: a Python of the machine, which is trusted, and what it needs of the system."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ci.errors import ToolError
from ci.programs import Program, start

ASK = """
import importlib.util, json, platform, sys
print(json.dumps([sys.executable, sys.base_prefix, sys.base_exec_prefix, platform.platform(),
    sys.version, importlib.util.find_spec("ensurepip") is not None]))
"""
ASK_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python that virtual environments are made with."""

    path: Path
    readable: tuple[Path, ...]
    """Folders that it needs, outside of /usr."""
    version: str
    """All that makes it another one: an environment of one does not serve the other."""


def ask_interpreter(name: str | None, *, log: Path) -> Interpreter:
    """Return the interpreter at the path *name*, or ours; raises ToolError for one that is none."""
    path = name or str(getattr(sys, "_base_executable", sys.executable))
    program = Program(arguments=(path, "-I", "-c", ASK))
    with tempfile.TemporaryFile() as answer:
        with start(program, log=log, stdout=answer) as running:
            status = running.wait(ASK_SECONDS, step="python")
        answer.seek(0)
        said = answer.read()
    if status:
        raise ToolError(f"{path} is no Python that runs", hint=f"see {log.name}")
    executable, *prefixes, platform, version, ensures = json.loads(said)
    if not ensures:
        raise ToolError(
            f"{path} makes no virtual environments", hint="install its package python3-venv"
        )
    real = os.path.realpath(executable)
    folders = {Path(os.path.realpath(each)) for each in (*prefixes, Path(real).parent)}
    needed = sorted(each for each in folders if not each.is_relative_to("/usr"))
    return Interpreter(path=Path(real), readable=tuple(needed), version=f"{platform} {version}")
