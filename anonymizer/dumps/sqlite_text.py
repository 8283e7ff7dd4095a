"""SQLite's text: what `.dump` writes, and Python's `Connection.iterdump`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymizer.column import TableName
from anonymizer.dumps import script
from anonymizer.dumps.create import created
from anonymizer.dumps.dialect import SQLITE, parts
from anonymizer.dumps.inserts import Inserts
from anonymizer.dumps.script import Target
from anonymizer.dumps.statements import CUT_OFF, Sort, bare, grammar, holds_insert, swallows_insert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.statements import Found, Grammar
    from anonymizer.dumps.window import Window
    from anonymizer.errors import DumpError

_HEAD = re.compile(rb"\s*(?:/\*.*?\*/\s*)?(?:PRAGMA foreign_keys=|BEGIN TRANSACTION;)", re.DOTALL)
_PASSES = re.compile(
    rb"""(?: PRAGMA | ANALYZE | CREATE\ (?:UNIQUE\ )?INDEX | CREATE\ (?:VIRTUAL\ )?TABLE )\b
    | DELETE\ FROM\ \S+$""",
    re.IGNORECASE | re.VERBOSE,
)
_TRIGGER = re.compile(rb"CREATE TRIGGER\b", re.IGNORECASE)
_VIEW = re.compile(rb"CREATE VIEW\b", re.IGNORECASE)
_TRANSACTION = re.compile(rb"^(?:BEGIN TRANSACTION|COMMIT);", re.MULTILINE)
_HOLDS_ROWS = re.compile(rb"\b(?:INSERT|REPLACE) INTO\b|\bSELECT\b", re.IGNORECASE)
_DAMAGED = re.compile(rb"ERROR|CORRUPTION")
_SCHEMA = (("sqlite_schema", "sqlite_master"), ("type", "name", "tbl_name", "rootpage", "sql"))
_SAMPLES = ("sqlite_stat3", "sqlite_stat4")
_OWN = ("sqlite_sequence", "sqlite_stat1")
"""Tables of SQLite's own that hold counts, and names of tables and indexes."""


class SQLiteText:
    """What SQLite's shell and Python write as the SQL of a database."""

    name = "sqlite"

    def recognizes(self, head: bytes) -> bool:
        """Return whether *head* begins as such a dump does."""
        return bool(_HEAD.match(head))

    def pieces(self, source: BinaryIO) -> Iterator[Piece]:
        """Yield rows, and what passes unchanged."""
        return script.pieces(source, _Reader())

    def schema(self, source: BinaryIO) -> Mapping[TableName, tuple[str, ...]]:
        """Return the columns of every table that the dump creates."""
        reader = _Reader()
        return script.schema(script.pieces(source, reader), reader)


FORMAT = SQLiteText()


@dataclass(slots=True)
class _Reader:
    """Reads one dump: one transaction."""

    tables: dict[TableName, tuple[str, ...]] = field(default_factory=dict)
    _written: dict[TableName, tuple[str, ...]] = field(default_factory=dict)
    """Columns that a row has values of where none are named."""
    _is_open: bool = False
    _is_begun: bool = False

    @property
    def grammar(self) -> Grammar:
        return grammar(SQLITE)

    def see(self, found: Found, window: Window) -> None:
        if found.sort is Sort.COMMENT:
            self._see_comment(found.text, window)
        elif found.sort is Sort.OTHER:
            self._see_statement(found.text.removesuffix(b";"), window)

    def _see_comment(self, text: bytes, window: Window) -> None:
        if holds_insert(text):
            raise window.error("a comment with an INSERT in it", hint="take it out of the dump")
        if _DAMAGED.search(text):
            raise window.error("SQLite says that the database was damaged when it was dumped")

    def _see_statement(self, text: bytes, window: Window) -> None:
        line = bare(text, SQLITE)
        verb = line.upper()
        if verb == b"BEGIN TRANSACTION":
            self._is_open = self._is_begun = True
        elif verb == b"COMMIT":
            self._is_open = False
        elif verb == b"ROLLBACK":
            raise window.error("SQLite rolls back: the database was damaged when it was dumped")
        elif _is_refused(text, line):
            message = "a statement that is not known, and could hold data"
            raise window.error(message, hint="make the dump with .dump alone")
        elif table := created(text, SQLITE):
            name = TableName(None, _named(table.name[-1]))
            self.tables[name] = tuple(map(_named, table.columns))
            self._written[name] = tuple(map(_named, table.written))

    def target(self, found: Found, window: Window) -> Target:
        table = TableName(None, _named(parts(found.match["table"], SQLITE)[-1]))
        if not self._is_open:
            message = "rows outside of BEGIN and COMMIT: none would miss the rest"
            raise window.error(message, hint="dump with .dump, without options")
        named = found.match["columns"]
        columns = tuple(map(_named, parts(named, SQLITE))) if named else self._written.get(table)
        codec = Inserts(dialect=SQLITE, header=found.text)
        if table.name in _OWN or (table.name in _SCHEMA[0] and columns == _SCHEMA[1]):
            return Target(table=table, columns=(), codec=codec)
        if not columns:
            raise _unknown(table.name, window)
        return Target(table=table, columns=columns, codec=codec)

    def codec(self, target: Target, _data: bytes) -> Inserts:
        return target.codec

    def finish(self, window: Window) -> None:
        if not self._is_begun:
            raise window.error("not a dump: it has no BEGIN TRANSACTION")
        if self._is_open:
            raise window.error("the dump is cut off: its COMMIT is missing", hint=CUT_OFF)


def _unknown(table: str, window: Window) -> DumpError:
    """Return the error for rows of a table that that is not created: its name may be no name."""
    if table in _SAMPLES:
        hint = f"DROP TABLE {table} in a copy, and dump that"
        return window.error("samples of values", table=table, hint=hint)
    message = "an INSERT that names no columns, and no CREATE TABLE before it that does"
    return window.error(message, hint="dump virtual tables with SQLite's shell")


def _is_refused(text: bytes, line: bytes) -> bool:
    """Return whether a statement, and its *line* of words, is not known or could hold rows."""
    if _TRIGGER.match(line):
        return bool(_TRANSACTION.search(text))
    if not line or _VIEW.match(line):
        return swallows_insert(text)
    known = _PASSES.match(line) and not _HOLDS_ROWS.search(line)
    return not known or swallows_insert(text)


def _named(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
