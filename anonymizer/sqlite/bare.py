"""Bare tables: without keys while rows come, as an index is made sooner of all rows at once.

Masked keys come in no order, so each row would look for its place in the index of the key,
and in a large file read and write a page for it. When the rows are there the indexes are
made, and the schema table says of them and of the table what it says in the original.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anonymizer.sqlite.schema import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from anonymizer.sqlite.schema import Entry, Shape

_STRICT = re.compile(r"\bSTRICT\b[^)]*$", re.IGNORECASE)
_BARE = "CREATE TABLE main.{table} ({columns})"
_UNIQUE = "CREATE UNIQUE INDEX main.{index} ON {table} ({columns})"
_KEY = "UPDATE main.sqlite_master SET name = ?, sql = NULL WHERE type = 'index' AND name = ?"
_TABLE = "UPDATE main.sqlite_master SET sql = ? WHERE type = 'table' AND name = ?"
_BEFORE = "anonymizer "
"""Begin of the name of an index that gets its own later."""


def may_be_bare(entry: Entry, shape: Shape, keys: Sequence[Entry]) -> bool:
    """Return whether the table *entry* with the indexes *keys* can be filled without them.

    Where a row is its key, or columns are computed, or types are promises, it cannot.
    """
    return bool(keys) and shape.plain and not _STRICT.search(entry.sql or "")


def create_bare(connection: sqlite3.Connection, entry: Entry) -> None:
    """Make the table *entry* with its columns and their types, and nothing else."""
    rows = connection.execute(f"PRAGMA source.table_xinfo({quoted(entry.name)})").fetchall()
    numbered = len([row for row in rows if row[5]]) == 1 and not _has_key(connection, entry)
    columns = []
    for _, name, type_, _, _, key, _ in rows:
        words = (quoted(name), quoted(type_) if type_ else "", "PRIMARY KEY" if key else "")
        columns.append(" ".join(words if numbered else words[:2]))
    connection.execute(_BARE.format(table=quoted(entry.name), columns=", ".join(columns)))


def dress(connection: sqlite3.Connection, entry: Entry, keys: Sequence[Entry]) -> None:
    """Make the indexes *keys* of the table *entry*, and say what the original says of it.

    SQLite has to read the schema table again after this.
    """
    for key in keys:
        rows = connection.execute(f"PRAGMA source.index_xinfo({quoted(key.name)})").fetchall()
        columns = (
            f"{quoted(name)} COLLATE {quoted(collation)}{' DESC' if descending else ''}"
            for _, _, name, descending, collation, is_key in rows
            if is_key
        )
        before = _BEFORE + key.name
        connection.execute(
            _UNIQUE.format(
                index=quoted(before), table=quoted(entry.name), columns=", ".join(columns)
            )
        )
        connection.execute(_KEY, (key.name, before))
    connection.execute(_TABLE, (entry.sql, entry.name))


def _has_key(connection: sqlite3.Connection, entry: Entry) -> bool:
    """Return whether the primary key of the table *entry* has an index of its own."""
    indexes = connection.execute(f"PRAGMA source.index_list({quoted(entry.name)})")
    return any(index[3] == "pk" for index in indexes.fetchall())
