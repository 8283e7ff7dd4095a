"""Dumps: one format a file, and the tuple of those that are read as one stream."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.dumps.base import Format

ARCHIVE = b"PGDMP"
"""Begin of what is no text: an archive of pg_dump."""
FORMATS = ("pg_plain", "mysql", "sqlite_text")
"""The modules of text formats, each with its FORMAT."""


def formats() -> Iterator[Format]:
    """Yield every text format of dumps, each imported when the one before is not meant."""
    for name in FORMATS:
        found: Format = import_module(f"anonymizer.dumps.{name}").FORMAT
        yield found
