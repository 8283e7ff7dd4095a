"""SQLite's catalogue: its tables in words, and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    " ORDER BY name"
)
COLUMNS = 'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)'
KEYS = (
    'SELECT id, "table", group_concat("from"), group_concat("to"), on_update, on_delete'
    " FROM (SELECT * FROM pragma_foreign_key_list(?) ORDER BY id, seq) GROUP BY id"
)
INDEXES = 'SELECT name, "unique", origin, partial FROM pragma_index_list(?) ORDER BY name'
PARTS = "SELECT name, desc, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno"
STORED = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
"""Not virtual ones: what their module reads to count them may be endless."""
MADE = "SELECT sql FROM sqlite_master WHERE name = ?"
TRIGGERS = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? ORDER BY name"
BYTES = (
    "SELECT m.tbl_name, m.type = 'index', sum(s.pgsize) FROM dbstat s"
    " JOIN sqlite_master m ON m.name = s.name WHERE s.aggregate = TRUE GROUP BY 1, 2"
)


def schema(connection: sqlite3.Connection) -> Mapping[str, tuple[str, ...]]:
    """Return columns, keys, indexes and triggers of each table.

    As SQLite understands them, for the text that made a table differs by how it came about.
    """
    return {name: tuple(_lines(connection, name)) for name in tables(connection)}


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the tables, in order."""
    return [name for (name,) in connection.execute(TABLES)]


def _lines(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    for name, kind, required, default, key, hidden in connection.execute(COLUMNS, [table]):
        words = [
            _quote(name),
            kind,
            "NOT NULL" if required else "",
            "" if default is None else f"DEFAULT {default}",
            f"PRIMARY KEY {key}" if key else "",
            "GENERATED" if hidden else "",
        ]
        yield " ".join(filter(None, words))
    yield from sorted(_keys(connection, table))
    yield from sorted(_indexes(connection, table))
    yield from (sql for (sql,) in connection.execute(TRIGGERS, [table]))


def _keys(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    for _, other, columns, others, updated, deleted in connection.execute(KEYS, [table]):
        to = f" ({others})" if others else ""
        yield (
            f"FOREIGN KEY ({columns}) REFERENCES {other}{to}"
            f" ON UPDATE {updated} ON DELETE {deleted}"
        )


def _indexes(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    for name, unique, origin, partial in connection.execute(INDEXES, [table]).fetchall():
        if origin == "pk":
            continue
        parts = connection.execute(PARTS, [name]).fetchall()
        columns = ", ".join(
            f"{column or 'expression'} {collation}{' DESC' if down else ''}"
            for column, down, collation in parts
        )
        # One that a constraint has made has a name that counts them.
        called = "UNIQUE" if origin == "u" else f"{'UNIQUE ' * unique}INDEX {_quote(name)}"
        yield f"{called} ({columns}){_rest(connection, name, parts, partial)}"


def _rest(
    connection: sqlite3.Connection, name: str, parts: list[tuple[str, int, str]], partial: int
) -> str:
    """Return the text of an index that has more than columns."""
    if not partial and all(column for column, *_ in parts):
        return ""
    return f" AS {connection.execute(MADE, [name]).fetchone()[0]}"


def sizes(connection: sqlite3.Connection) -> Mapping[str, tuple[int, int, int]]:
    """Return rows, and bytes of the table and of its indexes; reads all of the file."""
    stored = {name for (name,) in connection.execute(STORED)}
    names = [each for each in tables(connection) if each in stored]
    found = {name: [_count(connection, name), 0, 0] for name in names}
    for table, index, size in connection.execute(BYTES):
        if table in found:
            found[table][1 + index] = size
    return {name: (rows, data, index) for name, (rows, data, index) in found.items()}


def _count(connection: sqlite3.Connection, table: str) -> int:
    count = connection.execute(f"SELECT count(*) FROM {_quote(table)}")  # noqa: S608 - quoted
    return int(count.fetchone()[0])


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
