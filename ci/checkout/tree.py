"""Tree: the files of one commit in a folder, and nothing else."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ci.checkout.repository import LINK, Entry
from ci.errors import CheckoutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ci.checkout.repository import Repository

FILES = 200_000
BYTES = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a commit, written out."""

    sha: str
    folder: Path
    left_out: tuple[str, ...] = ()
    """Symbolic links that lead out of it."""


def export(
    repository: Repository, sha: str, folder: Path, *, files: int = FILES, size: int = BYTES
) -> Tree:
    """Write the files of the commit *sha* into *folder*, which is made; no hook, no filter runs.

    Raises CheckoutError for more than *files*, or more than *size* bytes.
    """
    entries = list(_within(repository.entries(sha), files, size))
    folder = folder.absolute()
    folder.mkdir(mode=0o755, parents=True)
    with tempfile.TemporaryDirectory(prefix="migrator-ci-", dir=folder.parent) as private:
        names = {"GIT_INDEX_FILE": f"{private}/index", "GIT_WORK_TREE": str(folder)}
        git = replace(repository.git, variables=names)
        git.ask("read-tree", sha)
        git.ask("checkout-index", "--all", "--quiet", f"--prefix={folder}/")
    return Tree(sha=sha, folder=folder, left_out=tuple(_leaving(entries, folder)))


def _within(entries: Iterable[Entry], files: int, size: int) -> Iterator[Entry]:
    """Yield *entries* as long as they are not too many, nor too large together."""
    left = size
    for count, entry in enumerate(entries):
        left -= entry.size
        if left < 0 or count >= files:
            raise CheckoutError(
                f"the tree is too large, expected at most {files} files and {size >> 20} MiB"
            )
        yield entry


def _leaving(entries: Iterable[Entry], folder: Path) -> Iterator[str]:
    """Yield the links that lead out of *folder*, and remove them."""
    inside = os.path.realpath(folder)
    for entry in entries:
        if entry.mode != LINK:
            continue
        link = folder / entry.path
        if os.path.commonpath([inside, os.path.realpath(link)]) != inside and link.is_symlink():
            link.unlink()
            yield entry.path
