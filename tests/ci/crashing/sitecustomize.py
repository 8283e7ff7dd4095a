"""Imported by each Python that has this folder in its path: ends one of them where it is told.

A place is what is about to be done to a file, or a program to be started, and the lines of ci
that do it. CRASH_IN says in which process: `run` or `job`; CRASH_RECORD names a file that all
places are added to; CRASH_AT is the place at which the signal CRASH_WITH comes, once: CRASH_ONCE
is the file that says so.
"""

from __future__ import annotations

import os
import pathlib
import sys

EVENTS = (
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.utime", "os.symlink"),
    *("shutil.rmtree", "subprocess.Popen", "sqlite3.connect", "tempfile.mkdtemp"),
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
DEPTH = 2
"""Lines of ci that make a place."""

busy = False
seen: set[str] = set()


def look(event: str, arguments: tuple[object, ...]) -> None:
    """Record the place, or end here."""
    global busy
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
    if busy or not (writes or event in EVENTS):
        return
    busy = True
    try:
        if place := where(event):
            act(place)
    finally:
        busy = False


def where(event: str) -> str:
    """Return the place; nothing for one that ci has no part in."""
    frame = sys._getframe(2)
    found: list[str] = []
    while frame.f_back is not None and len(found) < DEPTH:
        folder, _, name = frame.f_code.co_filename.rpartition("/ci/")
        if folder and not folder.endswith("tests"):
            found.append(f"{name}:{frame.f_lineno}")
        frame = frame.f_back
    return " ".join((event, *found)) if found else ""


def act(place: str) -> None:
    record = os.environ.get("CRASH_RECORD")
    if record and place not in seen:
        seen.add(place)
        with pathlib.Path(record).open("a") as file:
            file.write(f"{place}\n")
    if place == os.environ.get("CRASH_AT"):
        try:
            os.close(os.open(os.environ["CRASH_ONCE"], os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), int(os.environ["CRASH_WITH"]))


ROLE = "job" if "ci.scheduler.job" in sys.orig_argv else "run" if "run" in sys.orig_argv else ""
if ROLE and os.environ.get("CRASH_IN") == ROLE:
    sys.addaudithook(look)
