"""SQLite files: read table by table, and written anew."""

from __future__ import annotations

HEAD = b"SQLite format 3\0"
