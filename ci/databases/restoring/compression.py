"""Compression: what a dump is compressed with, by its first bytes; and its content, as a stream."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from ci.errors import SetupError
from ci.programs import Program, find_program, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESTORE = "restore"
"""The step of all that goes wrong here."""
PROGRAMS = (
    (b"\x1f\x8b", "gzip", "gzip"),
    (b"BZh", "bzip2", "bzip2"),
    (b"\xfd7zXZ\x00", "xz", "xz-utils"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4"),
)
"""First bytes, program, package."""
HEAD = 262 + 8
"""Bytes that tell a form: the mark of a tar archive stands last, at 257."""


def compressed(path: Path) -> bool:
    """Say whether a file is compressed as a whole."""
    with path.open("rb") as file:
        return _program(file.read(8)) is not None


def _program(first: bytes) -> tuple[str, str] | None:
    return next((found for magic, *found in PROGRAMS if first.startswith(magic)), None)  # type: ignore[return-value]


@contextmanager
def content(path: Path, *, log: Path) -> Iterator[BinaryIO]:
    """Give what a file holds, decompressed.

    Raises SetupError at the end of the body for one that is cut off or damaged, if the body
    has read all of it; ToolError for a compression whose program is missing.
    """
    with path.open("rb") as file:
        found = _program(file.read(8))
        file.seek(0)
        if found is None:
            yield file
            return
        os.lseek(file.fileno(), 0, os.SEEK_SET)  # for who inherits it, not only for our buffer
        name, package = found
        program = Program(arguments=[find_program(name, package=package), "-dc"])
        with start(program, log=log, stdin=file, stdout=subprocess.PIPE) as running:
            yield running.stdout  # type: ignore[misc]  # it is one that reads
            if not running.stdout.read(1) and running.wait(60, step=RESTORE):
                raise SetupError(
                    f"{name} cannot read the dump: it is damaged or cut off",
                    step=RESTORE,
                    hint="make the dump again, and compare its digest where it was copied",
                )


def head(path: Path, *, log: Path) -> bytes:
    """Return the first bytes of what a file holds, decompressed."""
    with content(path, log=log) as stream:
        return stream.read(HEAD)
