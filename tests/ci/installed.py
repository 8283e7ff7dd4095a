"""Wheels of what is installed here, so that a real environment is made without an index."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def pack(folder: Path, *names: str) -> Path:
    """Write the wheels of installed packages into *folder*, and return it."""
    folder.mkdir()
    for name in names:
        found = distribution(name)
        lines = (found.read_text("WHEEL") or "").splitlines()
        tag = next(each.removeprefix("Tag: ") for each in lines if each.startswith("Tag: "))
        wheel = folder / f"{found.name.replace('-', '_')}-{found.version}-{tag}.whl"
        with zipfile.ZipFile(wheel, "w") as packed:
            for each in found.files or ():
                if ".." not in each.parts and each.suffix != ".pyc":
                    packed.write(str(each.locate()), str(each))
    return folder
