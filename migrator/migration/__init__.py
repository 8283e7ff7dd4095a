"""A migration: one entry's files, an expand or a contract."""

from __future__ import annotations

from migrator.migration.load import hash_files, load, load_all
from migrator.migration.migration import Migration, Phase, PythonSource, Source, SqlSource
from migrator.migration.render import render, write

__all__ = [
    "Migration",
    "Phase",
    "PythonSource",
    "Source",
    "SqlSource",
    "hash_files",
    "load",
    "load_all",
    "render",
    "write",
]
