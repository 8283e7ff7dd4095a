"""Folders of private servers: each says in its name which process owns it.

A run that is killed leaves its servers running. The next run finds their folders,
sees that the owner is dead, ends the servers and removes the folders.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path

from tests.servers import processes

PROGRAMS = ("postgres", "mariadbd")
QUIT_SECONDS = 5
# A Unix socket's path may have 107 bytes; ours ends in /NAME.PID.START.RANDOM/.s.PGSQL.5432.
LONGEST_ROOT = 50


def make_folder(name: str, *, user: str | None) -> Path:
    """Make an empty folder for a server called *name*, owned by *user*; sweep old ones first."""
    sweep()
    pid = os.getpid()
    prefix = f"{name}.{pid}.{processes.started(pid)}."
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_root()))
    if user:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def remove_folder(folder: Path) -> None:
    """End every server that works in *folder* and remove the folder."""
    for program in PROGRAMS:
        for pid in processes.running(program, folder=folder):
            processes.end(pid, seconds=QUIT_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders whose owners are dead, and their servers."""
    for folder in _root().iterdir():
        _, pid, start, _ = folder.name.split(".", 3)
        if str(processes.started(int(pid))) != start:
            remove_folder(folder)


def _root() -> Path:
    """Return this user's folder of folders; others may pass through it, as servers of root do."""
    name = f"migrator-tests-{os.getuid()}"
    root = Path(tempfile.gettempdir()) / name
    if len(str(root)) > LONGEST_ROOT:
        root = Path("/tmp") / name  # noqa: S108 - ours alone, as is seen to below
    root.mkdir(mode=0o711, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise RuntimeError(f"{str(root)!r} belongs to somebody else; set TMPDIR to another folder")
    return root
