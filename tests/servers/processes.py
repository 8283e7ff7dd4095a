"""Processes, as the kernel tells of them in /proc: since when, whose child, how ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
DEATH_SECONDS = 30


def started(pid: int) -> int | None:
    """Return when process *pid* started, in clock ticks since boot, or None when it is dead."""
    stat = _stat(pid)
    return int(stat[19]) if stat and stat[0] not in "ZX" else None


def children(pid: int) -> tuple[int, ...]:
    """Return the processes whose parent is *pid*."""
    return tuple(each for each in _all() if (stat := _stat(each)) and int(stat[1]) == pid)


def running(program: str, *, folder: Path) -> tuple[int, ...]:
    """Return the processes of *program* that were told to work in *folder*."""
    return tuple(each for each in _all() if _works_in(folder, program, _command(each)))


def kill(pid: int) -> None:
    """Kill process *pid* and its children with SIGKILL, as one, and wait until all are gone."""
    with suppress(ProcessLookupError):
        # Stopped first, it can neither make more children nor react to the death of one.
        os.kill(pid, signal.SIGSTOP)
    family = (pid, *children(pid))
    births = {each: started(each) for each in family}
    for each in family:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    for each, birth in births.items():
        wait(each, birth, seconds=DEATH_SECONDS)


def end(pid: int, *, seconds: float) -> None:
    """Ask process *pid* to quit, and kill it when it has not done so after *seconds*."""
    birth = started(pid)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
    if not wait(pid, birth, seconds=seconds):
        kill(pid)


def wait(pid: int, birth: int | None, *, seconds: float) -> bool:
    """Wait until the process *pid* that started at *birth* is dead; say whether it is."""
    give_up = time.monotonic() + seconds
    while birth is not None and started(pid) == birth:
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


def _all() -> list[int]:
    return [int(each.name) for each in PROC.iterdir() if each.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    """Return the fields after the name of the program, which may hold spaces and brackets."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _command(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def _works_in(folder: Path, program: str, command: list[str]) -> bool:
    return (
        Path(command[0]).name == program and str(folder) in " ".join(command) if command else False
    )
