"""Uncommitted: whether a checkout has changes that are in no commit, and so are not tried."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from ci.programs import find_program

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60


def uncommitted(checkout: Path) -> bool:
    """Return whether *checkout* has such changes; False where git cannot say."""
    git = find_program("git", package="git")
    try:
        answer = subprocess.run(  # noqa: S603 - no shell
            [git, "-c", "core.fsmonitor=false", "status", "--porcelain"],
            cwd=checkout,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0 and bool(answer.stdout)
