"""Dumps: one format a file, and the tuple of those that are read as one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.dumps.mysql import MySQL
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.dumps.sqlite_text import SQLiteText

if TYPE_CHECKING:
    from anonymizer.dumps.base import Format

FORMATS: tuple[Format, ...] = (MySQL(), PlainPostgreSQL(), SQLiteText())
"""Every text format of dumps."""
