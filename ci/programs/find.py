"""Find a program, also where Debian keeps servers out of PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ci.errors import ToolError

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")
POSTGRESQL_FOLDERS = Path("/usr/lib/postgresql")


def find_program(*names: str, package: str) -> str:
    """Return the path of the first of *names* that is installed; the newest of PostgreSQL's.

    Raises ToolError, which names the *package* to install, when there is none.
    """
    newest = sorted(POSTGRESQL_FOLDERS.glob("*/bin"), key=_version, reverse=True)
    folders = [os.environ.get("PATH", os.defpath), *map(str, newest), *SYSTEM_FOLDERS]
    for name in names:
        path = shutil.which(name, path=os.pathsep.join(folders))
        if path is not None:
            return path
    raise ToolError(f"{names[0]} is not installed", hint=f"install {package}")


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(each) for each in folder.parent.name.split(".") if each.isdecimal())
