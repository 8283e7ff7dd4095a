"""The schema of a SQLite file: its entries, read from one file and made again in another.

The text of an entry is what SQLite keeps of its CREATE statement, so the entry that it makes
of that text is the same again. Both files are open on one connection: the new one is `main`,
the original `source`.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SEQUENCE = "sqlite_sequence"
STATISTICS = "sqlite_stat1"
SAMPLES = ("sqlite_stat2", "sqlite_stat3", "sqlite_stat4")
"""Tables of ANALYZE that hold values out of rows."""

_ENTRIES = (
    "SELECT rowid, type, name, tbl_name, coalesce(rootpage, 0), sql"
    " FROM {database}.sqlite_master ORDER BY rowid"
)
_ROWIDS = ("rowid", "_rowid_", "oid")
_VIRTUAL, _STORED = 2, 3
_NAME = r"""(?:"(?:[^"]|"")*"|\[[^\]]*\]|`[^`]*`|'(?:[^']|'')*'|[^\s("'\[`]+)"""
_MODULE = re.compile(
    rf"CREATE\s+VIRTUAL\s+TABLE\s+{_NAME}\s+USING\s+({_NAME})\s*(?:\((.*)\))?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_ARGUMENT = re.compile(r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|\[[^\]]*\]|`[^`]*`|[^,"'\[`])+""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the schema table."""

    rowid: int
    type: str
    name: str
    table: str
    root: int
    """Its first page; 0 for what has none of its own."""
    sql: str | None
    """None for an index that a constraint makes."""

    @property
    def holds_rows(self) -> bool:
        """Whether it is a table with pages of its own."""
        return self.type == "table" and bool(self.root)

    @property
    def module(self) -> str | None:
        """The module of a virtual table, in small letters."""
        found = _MODULE.match(self.sql or "") if self.type == "table" and not self.root else None
        return found[1].strip("\"'`[]").lower() if found else None

    @property
    def options(self) -> Mapping[str, str]:
        """What the arguments of a virtual table set, as content=''."""
        found = _MODULE.match(self.sql or "")
        arguments = _ARGUMENT.findall(found[2] or "") if found else ()
        pairs = (each.partition("=") for each in arguments if "=" in each)
        return {name.strip().lower(): value.strip().strip("\"'`[]") for name, _, value in pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What has to be written to copy the rows of a table."""

    columns: tuple[str, ...]
    """Those that are stored: what is generated is computed again."""
    rowid: str | None
    """A name of the row's number, where no column is another name of it."""
    whole: bool
    """Whether a row is *columns* and nothing else."""
    plain: bool
    """Whether rows have numbers and nothing of them is computed."""


def quoted(name: str) -> str:
    """Return *name* as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def read_entries(connection: sqlite3.Connection, database: str) -> tuple[Entry, ...]:
    """Return the schema of *database* in its order."""
    rows = connection.execute(_ENTRIES.format(database=quoted(database)))
    names = ("rowid", "type", "name", "table", "root", "sql")
    return tuple(Entry(**dict(zip(names, row, strict=True))) for row in rows)


def read_shape(connection: sqlite3.Connection, table: str) -> Shape:
    """Return the shape of *table*, ordinary or virtual, of the original."""
    rows = connection.execute(f"PRAGMA source.table_xinfo({quoted(table)})").fetchall()
    stored = [row for row in rows if row[6] == 0]
    generated = any(row[6] in {_VIRTUAL, _STORED} for row in rows)
    names = tuple(row[1] for row in stored)
    keys = [row for row in stored if row[5]]
    rowid = _rowid(connection, table, [row[1] for row in rows])
    plain = bool(rowid) and not generated
    if rowid and len(keys) == 1 and keys[0][2].upper() == "INTEGER":
        # One that is declared DESC is a key like any other, with an index.
        indexes = connection.execute(f"PRAGMA source.index_list({quoted(table)})").fetchall()
        if not any(index[3] == "pk" for index in indexes):
            rowid = None
    return Shape(columns=names, rowid=rowid, whole=not (rowid or generated), plain=plain)


def create(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Make *entries* as their text says, but for those that came with another."""
    for each in entries:
        there = each.name == SEQUENCE and _has(connection, each.name)
        if each.sql is not None and not there:
            connection.execute(each.sql)


def insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Write *entries*, which have no pages, into the schema table as they are."""
    for each in entries:
        connection.execute(
            "INSERT INTO main.sqlite_master (type, name, tbl_name, rootpage, sql)"
            " SELECT type, name, tbl_name, rootpage, sql"
            " FROM source.sqlite_master WHERE rowid = ?",
            (each.rowid,),
        )
    reload(connection)


def order(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Put the new schema table into the order of *entries*, the original's."""
    new = {(each.type, each.name): each.rowid for each in read_entries(connection, "main")}
    beyond = max([*new.values(), *(each.rowid for each in entries)], default=0) + 1
    connection.execute("UPDATE main.sqlite_master SET rowid = rowid + ?", (beyond,))
    moves = [
        (each.rowid, new[each.type, each.name] + beyond)
        for each in entries
        if (each.type, each.name) in new
    ]
    connection.executemany("UPDATE main.sqlite_master SET rowid = ? WHERE rowid = ?", moves)


def reload(connection: sqlite3.Connection) -> None:
    """Have SQLite read the schema table again, which stays writable."""
    connection.execute("PRAGMA writable_schema = RESET")
    connection.execute("PRAGMA writable_schema = ON")


def _rowid(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> str | None:
    """Return a name of the row's number that no column has; None WITHOUT ROWID."""
    taken = {each.lower() for each in columns}
    for name in _ROWIDS:
        if name not in taken:
            return name if _selects(connection, table, name) else None
    return None


def _selects(connection: sqlite3.Connection, table: str, name: str) -> bool:
    try:
        connection.execute(f"SELECT {name} FROM source.{quoted(table)} LIMIT 0")  # noqa: S608
    except sqlite3.OperationalError:
        return False
    return True


def _has(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = ?", (name,))
    return found.fetchone() is not None
