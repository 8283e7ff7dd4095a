"""Work tree: the checkout that somebody is in, and what in it is in no commit."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from ci.errors import CheckoutError
from ci.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 60
UNTRACKED = "??"
SOURCES = (".py", ".sql", ".json", ".toml", ".ini", ".cfg", ".txt")
"""How files end that matter although git does not know them yet; reports do not."""


def root_of(folder: Path) -> Path:
    """Return the root of the checkout that *folder* is in. Raises CheckoutError for none."""
    start = folder.resolve()
    for each in (start, *start.parents):
        if (each / ".git").exists() or ((each / "HEAD").is_file() and (each / "objects").is_dir()):
            return each
    raise CheckoutError(
        f"{start} is in no checkout of git", hint="go to the project, or name it: --repository DIR"
    )


def uncommitted(root: Path) -> tuple[str, ...]:
    """Return the paths that are not committed in a checkout, as git prints them."""
    git = find_program("git", package="git")
    try:
        answer = subprocess.run(  # noqa: S603 - no shell
            [git, "-c", "core.fsmonitor=false", "status", "--porcelain", "--untracked-files=all"],
            cwd=root,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return ()
    return tuple(_paths(answer.stdout.decode("utf-8", "replace")))


def _paths(said: str) -> Iterator[str]:
    for line in said.splitlines():
        status, path = line[:2], line[3:]
        if status != UNTRACKED or path.strip('"').endswith(SOURCES):
            yield path
