"""Virtual tables of a SQLite file: what they hold is written through them, never copied.

A full-text index is made of the words of the original, so its own tables say what every
masked text said. It is built again of what it indexes in the new file.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anonymizer.column import TableName
from anonymizer.errors import PolicyError, ToolError
from anonymizer.sqlite.rows import copy_as_is, copy_masked
from anonymizer.sqlite.schema import quoted, read_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from anonymizer.engine import Engine
    from anonymizer.masker import Masker
    from anonymizer.sqlite.schema import Entry
    from anonymizer.stream import Tally

_FTS = ("content", "segments", "segdir", "docsize", "stat")
_TREE = ("node", "rowid", "parent")
SHADOWS: Mapping[str, tuple[str, ...]] = {
    "fts3": _FTS,
    "fts4": _FTS,
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "rtree": _TREE,
    "rtree_i32": _TREE,
    "geopoly": _TREE,
}
"""Module → the ends of the names of the tables that it keeps for a virtual table.

The tables of every other module are copied like any, as is decided on each of them.
"""


def shadows(entries: Iterable[Entry]) -> frozenset[str]:
    """Return the names of the tables that the virtual tables among *entries* fill themselves."""
    return frozenset(
        f"{each.name}_{end}" for each in entries for end in SHADOWS.get(each.module or "", ())
    )


def masker_of(connection: sqlite3.Connection, entry: Entry, engine: Engine) -> Masker | None:
    """Return what masks the content of the virtual table *entry*; None if it stays as it is.

    Raises PolicyError where it is not decided, and where it could not be made again.
    """
    if "languageid" in entry.options:
        raise PolicyError(
            f"{entry.name} keeps a language of each text, which anonymizer does not copy",
            hint="drop the table from a copy of the file",
        )
    content = _content(entry)
    if content:
        return None
    with _made(entry):
        columns = read_shape(connection, entry.name).columns
    masker = engine.masker(TableName(None, entry.name), columns)
    if masker and content is not None:
        raise PolicyError(
            f"{entry.name} is an index of texts that it does not keep: it cannot be masked",
            hint="decide that its columns are public, or drop it from a copy of the file",
        )
    return masker


def fill(connection: sqlite3.Connection, entry: Entry, masker: Masker | None, tally: Tally) -> None:
    """Make the virtual table *entry* and what it holds; what it refers to is there already."""
    with _made(entry):
        connection.execute(entry.sql or "")
    content = _content(entry)
    if content:
        _command(connection, entry.name, "rebuild")
    elif content is not None:
        _copy_index(connection, entry)
    elif masker:
        copy_masked(connection, entry.name, read_shape(connection, entry.name), masker, tally)
    else:
        copy_as_is(connection, entry.name, read_shape(connection, entry.name))
    _copy_settings(connection, entry)


def _content(entry: Entry) -> str | None:
    """Return the table whose texts a full-text index has; '' if nowhere, None if in itself."""
    return entry.options.get("content") if (entry.module or "").startswith("fts") else None


@contextmanager
def _made(entry: Entry) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ToolError(
            f"the virtual table {entry.name} cannot be made: {error}",
            hint="use a Python whose SQLite has the module and the tokenizer",
        ) from error


def _copy_index(connection: sqlite3.Connection, entry: Entry) -> None:
    for end in SHADOWS[entry.module or ""]:
        name = f"{entry.name}_{end}"
        if _has(connection, name):
            copy_as_is(connection, name, read_shape(connection, name))


def _copy_settings(connection: sqlite3.Connection, entry: Entry) -> None:
    """Copy what was set on a full-text index, such as its ranking; nothing of it is of a row."""
    if entry.module == "fts5":
        name = quoted(f"{entry.name}_config")
        connection.execute(
            f"INSERT OR REPLACE INTO main.{name}"  # noqa: S608
            f" SELECT * FROM source.{name} WHERE k <> 'version'"
        )


def _command(connection: sqlite3.Connection, name: str, command: str) -> None:
    table = quoted(name)
    connection.execute(f"INSERT INTO main.{table}({table}) VALUES (?)", (command,))  # noqa: S608


def _has(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM source.sqlite_master WHERE name = ?", (name,))
    return found.fetchone() is not None
