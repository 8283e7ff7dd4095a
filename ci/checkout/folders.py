"""Folders: places of a run, which are locked while it lasts and go with it, crash or not."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ci.errors import ToolError
from ci.programs import remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".lock"


@contextmanager
def own_folder(parent: Path, name: str) -> Iterator[Path]:
    """Give the folder *name* in *parent*, which is ours until the end, and then removed.

    Raises ToolError where another run has it. What a crash has left in it is removed first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / name
    with locked(parent / f"{name}{LOCK}", wait=False) as ours:
        if not ours:
            raise ToolError(f"{folder} is in use by another run")
        try:
            remove(folder)
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            remove(folder)
            (parent / f"{name}{LOCK}").unlink(missing_ok=True)


def sweep(parent: Path) -> int:
    """Remove the folders in *parent* whose runs have ended without; return how many."""
    found = 0
    for lock in sorted(parent.glob(f"*{LOCK}")):
        with locked(lock, wait=False) as ours:
            if ours:
                remove(lock.with_name(lock.name.removesuffix(LOCK)))
                lock.unlink(missing_ok=True)
                found += 1
    return found


@contextmanager
def locked(lock: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold *lock* among all processes of this machine; give False where it is held already.

    The kernel frees it when its process dies.
    """
    while True:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(file)
            yield False
            return
        if _is(file, lock):
            break
        os.close(file)  # who held it has removed it: the next one is another file
    try:
        yield True
    finally:
        os.close(file)


def _is(file: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.lstat())
    return False
