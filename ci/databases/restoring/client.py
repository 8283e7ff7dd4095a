"""Client: a program that runs a script in the server, and what may be said when it fails."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import TYPE_CHECKING

from ci.databases.restoring.compression import RESTORE
from ci.errors import DeadlineError, SetupError
from ci.programs import failure, start

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ci.programs import Program, Running

LAST_WORDS = 1 << 16
SAID = (
    re.compile(rb":(?P<line>\d+): (?:ERROR|FATAL):\s+(?P<state>[0-9A-Z]{5}):"),
    re.compile(rb"ERROR (?P<code>\d+) \((?P<state>[0-9A-Z]{5})\) at line (?P<line>\d+)"),
    re.compile(rb"error near line (?P<line>\d+):"),
)
"""What psql, mariadb and sqlite3 say of a failure, as far as it tells nothing of rows."""
HINTS = {
    "42501": "only a superuser may do that: leave it out of the dump",
    "42704": "something that the dump needs is not in it: a role, a type, an extension",
    "0A000": "an extension that the dump needs is not installed in this server",
}


def feed(program: Program, script: Iterable[bytes], *, log: Path, seconds: float) -> None:
    """Have *program* run *script*, which it reads as it comes.

    Raises SetupError when it fails, DeadlineError after *seconds*.
    """
    began = log.stat().st_size if log.exists() else 0
    with start(program, log=log, stdin=subprocess.PIPE) as running:
        late = threading.Event()
        timer = threading.Timer(seconds, _end, [running, late])
        timer.start()
        try:
            _write(running, script)
            status = running.wait(seconds, step=RESTORE)
        finally:
            timer.cancel()
        if late.is_set():
            raise DeadlineError(RESTORE, seconds)
    if status:
        raise failed(program, status, log, began)


def _end(running: Running, late: threading.Event) -> None:
    late.set()
    running.stop()


def _write(running: Running, script: Iterable[bytes]) -> None:
    try:
        for line in script:
            running.stdin.write(line)
        running.stdin.close()
    except BrokenPipeError:
        pass  # it has ended, and its status says why


def failed(program: Program, status: int, log: Path, began: int) -> SetupError:
    """Return the error of a *program* that failed, from what it added to the *log* since *began*.

    What it said stays there: it may repeat rows.
    """
    with log.open("rb") as file:
        file.seek(max(began, file.seek(0, 2) - LAST_WORDS))
        words = file.read()
    said = next((match for pattern in SAID if (match := pattern.search(words))), None)
    found = said.groupdict() if said else {}
    place = f" at line {int(found['line'])} of the dump" if "line" in found else ""
    state = str(found.get("state", b""), "ascii")
    why = f"SQLSTATE {state}" if state else f"exit status {status}"
    return failure(program, f"{place}: {why}", log=log, step=RESTORE, hint=HINTS.get(state))
