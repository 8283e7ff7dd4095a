"""A migration: one entry's files, an expand or a contract."""

from __future__ import annotations

from migrator.migration.load import Contents, hash_files, load, load_all, read_files
from migrator.migration.migration import Migration, Phase, PythonSource, Source, SqlSource
from migrator.migration.render import render, write

__all__ = [
    "Contents",
    "Migration",
    "Phase",
    "PythonSource",
    "Source",
    "SqlSource",
    "hash_files",
    "load",
    "load_all",
    "read_files",
    "render",
    "write",
]
