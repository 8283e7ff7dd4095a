"""Remove a folder, whatever hostile code has made of it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from ci.errors import ToolError
from ci.programs.find import find_program

if TYPE_CHECKING:
    from pathlib import Path

REMOVE_SECONDS = 600


def remove(folder: Path) -> None:
    """Remove *folder*, or a file of that name: also one that is deep, or closed to us.

    By `rm`, which goes as deep as it has to. Raises ToolError when something is left.
    """
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    if not _run("rm", "-rf", "--one-file-system", "--", str(folder)):
        _run("chmod", "-R", "u+rwX", "--", str(folder))
        if not _run("rm", "-rf", "--one-file-system", "--", str(folder)):
            raise ToolError(f"{folder.name} cannot be removed", hint="who owns what is in it?")


def _run(name: str, *options: str) -> bool:
    program = find_program(name, package="coreutils")
    ended = subprocess.run(  # noqa: S603 - no shell
        [program, *options], check=False, capture_output=True, timeout=REMOVE_SECONDS
    )
    return not ended.returncode
