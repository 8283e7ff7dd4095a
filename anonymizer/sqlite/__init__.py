"""SQLite files: read table by table, and written anew."""

from __future__ import annotations

from anonymizer.sqlite.file import HEAD, rewrite_file

__all__ = ["HEAD", "rewrite_file"]
