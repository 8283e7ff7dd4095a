"""Output: written aside, and in its place only when it is whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from anonymizer.errors import AnonymizerError

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = ".partial"


def refuse_existing(target: Path, *, force: bool) -> None:
    """Raise AnonymizerError when there is something at *target*, unless it may be replaced."""
    if not force and (target.exists() or target.is_symlink()):
        raise AnonymizerError(
            f"{target}: there is something already",
            hint="choose another name, or replace it with --force",
        )
    if not target.parent.is_dir():
        raise AnonymizerError(f"{target}: there is no folder {target.parent}")


@contextmanager
def path_aside(target: Path) -> Iterator[Path]:
    """Give the path of an empty file that takes the place of *target* when the body ends.

    Until then its name ends in `.partial`, and only its owner may read it; it goes if the body
    fails.
    """
    handle, name = tempfile.mkstemp(SUFFIX, f".{target.name}.", target.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        _settle(aside)
        aside.chmod(0o666 & ~_umask())
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _settle(target.parent)


@contextmanager
def written_aside(target: Path) -> Iterator[BinaryIO]:
    """Give a file beside *target* that takes its place when the body ends, as `path_aside`."""
    with path_aside(target) as aside, aside.open("wb") as file:
        yield file


def _umask() -> int:
    """Return what this process takes away from the rights of new files."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _settle(path: Path) -> None:
    """Have what is in a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
