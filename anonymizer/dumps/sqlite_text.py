"""SQLite's text: what `.dump` writes, and Python's `Connection.iterdump`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from anonymizer.column import TableName
from anonymizer.dumps import script
from anonymizer.dumps.create import created
from anonymizer.dumps.described import Described
from anonymizer.dumps.dialect import SQLITE, parts
from anonymizer.dumps.inserts import Inserts
from anonymizer.dumps.script import Target
from anonymizer.dumps.statements import CUT_OFF, Sort, bare, grammar, holds_insert, swallows_insert
from anonymizer.passed import STATISTICS, passed_in, to_keep
from anonymizer.schema import schema_of_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
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
_MAKES = re.compile(rb"\s*CREATE\s+(?:UNIQUE\s+INDEX|TABLE)\b", re.IGNORECASE)
_TRANSACTION = re.compile(rb"^(?:BEGIN TRANSACTION|COMMIT);", re.MULTILINE)
_HOLDS_ROWS = re.compile(rb"\b(?:INSERT|REPLACE) INTO\b|\bSELECT\b", re.IGNORECASE)
_DAMAGED = re.compile(rb"ERROR|CORRUPTION")
_SCHEMA = (("sqlite_schema", "sqlite_master"), ("type", "name", "tbl_name", "rootpage", "sql"))
_SAMPLES = ("sqlite_stat3", "sqlite_stat4")
_OWN = ("sqlite_sequence", "sqlite_stat1")
"""Tables of SQLite's own that hold counts, and names of tables and indexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLiteText:
    """What SQLite's shell and Python write as the SQL of a database."""

    name: str = "sqlite"
    keep: frozenset[str] = frozenset()
    """What passes as it is although it holds data: of `passed.KEEPABLE`."""

    def keeping(self, words: frozenset[str]) -> SQLiteText:
        """Return the format that lets pass what *words* say."""
        return replace(self, keep=words)

    def recognizes(self, head: bytes) -> bool:
        """Return whether *head* begins as such a dump does."""
        return bool(_HEAD.match(head))

    def pieces(self, source: BinaryIO, known: Described | None = None) -> Iterator[Piece]:
        """Yield rows, and what passes unchanged; *known* learns what that says of tables."""
        return script.pieces(source, _Reader(known or Described(), self.keep))

    def schema(self, source: BinaryIO) -> Described:
        """Return every table that the dump creates, with its keys and references."""
        return script.schema(self, source)


FORMAT = SQLiteText()


@dataclass(slots=True)
class _Reader:
    """Reads one dump: one transaction."""

    known: Described
    _keep: frozenset[str]
    _created: list[str] = field(default_factory=list)
    """The statements that make tables and unique indexes."""
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
        else:
            self.known.passed += passed_in(text)
            self._see_create(text)

    def _see_create(self, text: bytes) -> None:
        if _MAKES.match(text):
            self._created.append(_named(text))
        if table := created(text, SQLITE):
            name = TableName(None, _named(table.name[-1]))
            self.known.tables[name] = dict.fromkeys(map(_named, table.columns))
            self._written[name] = tuple(map(_named, table.written))

    def target(self, found: Found, window: Window) -> Target:
        table = TableName(None, _named(parts(found.match["table"], SQLITE)[-1]))
        if not self._is_open:
            message = "rows outside of BEGIN and COMMIT: none would miss the rest"
            raise window.error(message, hint="dump with .dump, without options")
        named = found.match["columns"]
        columns = tuple(map(_named, parts(named, SQLITE))) if named else self._written.get(table)
        codec = Inserts(dialect=SQLITE, header=found.text)
        is_kept = table.name in _SAMPLES and STATISTICS in self._keep
        if is_kept or table.name in _OWN or (table.name in _SCHEMA[0] and columns == _SCHEMA[1]):
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
        found = schema_of_sqlite(self._created)
        for name in found.tables.keys() & self.known.tables.keys():
            self.known.tables[name] = dict(found.tables[name])
            self.known.generated[name] = found.generated.get(name, frozenset())
            self.known.keys[name] = found.keys.get(name, ())
            self.known.references[name] = found.references.get(name, ())


def _unknown(table: str, window: Window) -> DumpError:
    """Return the error for rows of a table that that is not created: its name may be no name."""
    if table in _SAMPLES:
        hint = f"DROP TABLE {table} in a copy, and dump that; or {to_keep(STATISTICS)}"
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
