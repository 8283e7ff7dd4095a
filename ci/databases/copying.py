"""Copying: folders of data, as fast as the file system can, and out of its cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ci.programs import Program, find_program, run_well

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def copy(source: Path, target: Path, *, log: Path, seconds: float, step: str) -> None:
    """Copy a folder with all that is said of its files; one that shares blocks costs nothing.

    Raises SetupError when it fails, as where there is no space.
    """
    cp = [find_program("cp", package="coreutils"), "--archive", "--reflink=auto"]
    program = Program(arguments=[*cp, "--no-target-directory", source, target])
    run_well(program, log=log, seconds=seconds, step=step)


def flush(folder: Path, *, log: Path, seconds: float, step: str) -> None:
    """Write the file system of *folder* to the disk."""
    sync = find_program("sync", package="coreutils")
    program = Program(arguments=[sync, "--file-system", folder])
    run_well(program, log=log, seconds=seconds, step=step)


def size(folder: Path) -> int:
    """Return the bytes that the files of *folder* take."""
    return sum(path.lstat().st_blocks * 512 for path in files(folder))


def files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below *folder*; follows no link."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = type(folder)(root) / name
            if path.is_file() and not path.is_symlink():
                yield path


def forget(folder: Path, *, log: Path, seconds: float, step: str) -> None:
    """Have the kernel forget what it remembers of the files in *folder*."""
    flush(folder, log=log, seconds=seconds, step=step)  # what is not written is not forgotten
    for path in files(folder):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)
