"""The folder beside the manifest: what is listed is there, what is there is listed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.errors import ManifestError

if TYPE_CHECKING:
    from migrator.manifest.manifest import Manifest

_NOT_MIGRATIONS = ("conftest.py",)


def check_folder(manifest: Manifest) -> None:
    """Raise ManifestError at the first file that is missing, no plain file, or not listed."""
    folder = manifest.folder
    first = manifest.entries[0].line if manifest.entries else None
    if folder.is_symlink():
        raise ManifestError(f"{folder.name}/ is a symlink, expected a folder", line=first)
    if not folder.is_dir():
        if not manifest.entries:
            return
        raise ManifestError(
            f"the folder {folder.name}/ of the manifest is missing",
            line=first,
            hint=f"{manifest.path.name} lists files in {folder}",
        )
    with os.scandir(folder) as found:
        there = {each.name: each for each in found}
    for entry in manifest.entries:
        for file in entry.files:
            _check_file(there, file, entry.line, folder.name)
    _refuse_unlisted(manifest, set(there))


def _check_file(there: dict[str, os.DirEntry[str]], file: str, line: int, folder: str) -> None:
    """Raise ManifestError unless *file* is a plain file in the folder, spelled as listed."""
    found = there.get(file)
    if found is None:
        alike = [name for name in there if name.lower() == file.lower()]
        raise ManifestError(
            f"{file} is not in {folder}/",
            line=line,
            hint=f"there is {alike[0]}: names differ in case" if alike else None,
        )
    if found.is_symlink():
        raise ManifestError(
            f"{folder}/{file} is a symlink, expected a file",
            line=line,
            hint="what is hashed has to be what runs: copy the file here",
        )
    if not found.is_file(follow_symlinks=False):
        raise ManifestError(f"{folder}/{file} is not a file", line=line)


def _refuse_unlisted(manifest: Manifest, there: set[str]) -> None:
    """Raise ManifestError when a migration in the folder has no line in the manifest."""
    listed = {file for entry in manifest.entries for file in entry.files}
    for file in sorted(there - listed):
        if not _is_migration(file):
            continue
        raise ManifestError(
            f"{manifest.folder.name}/{file} is listed by no version",
            line=manifest.end,
            hint=_how_to_list(manifest, file),
        )


def _is_migration(file: str) -> bool:
    """Return whether *file* looks like a migration: not a test, a helper or hidden."""
    if not file.endswith((".py", ".sql")) or file.startswith((".", "_")):
        return False
    return not file.endswith("_test.py") and file not in _NOT_MIGRATIONS


def _how_to_list(manifest: Manifest, file: str) -> str:
    """Return what to write where, for *file* that is not listed."""
    name = file.partition(".")[0]
    for entry in manifest.entries:
        if entry.name == name:
            return f"add it to the line of version {entry.number}, or delete it"
    if name.startswith("test_"):
        return f"a test is called {name.removeprefix('test_')}_test.py"
    line = f"{json.dumps(str(manifest.latest + 1))}: {json.dumps([Path(file).name])},"
    return f"add {line} as the last version, or delete the file"
