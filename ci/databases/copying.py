"""Copying: folders of data, as fast as the file system can, and out of its cache."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ci.programs import Program, find_program, remove, run_well

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def copy(source: Path, target: Path, *, log: Path, seconds: float, step: str) -> None:
    """Copy a folder with all that is said of its files; one that shares blocks costs nothing.

    What is in *target* already and is no older stays. Raises SetupError when it fails, as where
    there is no space.
    """
    cp = [find_program("cp", package="coreutils"), "--archive", "--update", "--reflink=auto"]
    program = Program(arguments=[*cp, "--no-target-directory", source, target])
    run_well(program, log=log, seconds=seconds, step=step)


def remove_changed(target: Path, source: Path) -> None:
    """Remove from *target* what is not as it is in *source*, by kind, size and time.

    Only of a folder in which nobody sets back the time of a file: that of a server.
    """
    with os.scandir(target) as entries:
        found = list(entries)
    for each in found:
        path, original = target / each.name, source / each.name
        if each.is_dir(follow_symlinks=False) and _is_folder(original):
            remove_changed(path, original)
        elif _stamp(path) != _stamp(original):
            remove(path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what tells a regular file from another; None where there is none."""
    try:
        entry = path.lstat()
    except FileNotFoundError:
        return None
    said = (entry.st_mode, entry.st_uid, entry.st_gid, entry.st_size, entry.st_mtime_ns)
    return said if stat.S_ISREG(entry.st_mode) else (entry.st_ino, entry.st_dev)


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
