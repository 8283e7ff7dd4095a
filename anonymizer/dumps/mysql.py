"""MySQL: dumps that mysqldump and mariadb-dump write."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from anonymizer.column import Reference, TableName
from anonymizer.dumps import charsets, script
from anonymizer.dumps.create import created
from anonymizer.dumps.described import Described
from anonymizer.dumps.dialect import Blobs, parts
from anonymizer.dumps.inserts import Inserts
from anonymizer.dumps.mysql_session import Session
from anonymizer.dumps.script import Target
from anonymizer.dumps.statements import CUT_OFF, Sort, bare, grammar, holds_insert, swallows_insert
from anonymizer.dumps.window import ENOUGH
from anonymizer.passed import PASSWORDS, passed_in, to_keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.create import Created
    from anonymizer.dumps.statements import Found, Grammar
    from anonymizer.dumps.window import Window

_HEAD = re.compile(
    rb"^-- (?:MySQL|MariaDB) dump |\A\s*(?:/\*M!999999\\-|/\*M?!\d{5,6} SET )", re.MULTILINE
)
_BEGINS = re.compile(rb"-- (?:MySQL|MariaDB) dump ")
_ENDS = re.compile(rb"-- Dump completed")
_SAVES = re.compile(rb"@OLD_(SQL_NOTES|NOTE_VERBOSITY)\s*=")
_RESTORES = re.compile(rb"(SQL_NOTES|NOTE_VERBOSITY)\s*=\s*@OLD_")

_BEFORE_CODE = rb"(?:OR REPLACE|AGGREGATE|ALGORITHM ?= ?\w+|DEFINER ?= ?\S+|SQL SECURITY \w+)"
_CODE = re.compile(
    rb"CREATE (?:%s )*(?:VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE)\b" % _BEFORE_CODE,
    re.IGNORECASE,
)
_PASSES = re.compile(
    rb"""(?: SET | USE | DROP | LOCK\ TABLES | UNLOCK\ TABLES | START\ TRANSACTION | BEGIN
    | COMMIT | FLUSH | (?:DO|SELECT)\ (?:SETVAL|NEXTVAL) | CHANGE\ (?:MASTER|REPLICATION)
    | (?:START|STOP)\ (?:SLAVE|REPLICA) | ALTER\ (?:DATABASE|TABLE|SEQUENCE)
    | ANALYZE\ (?:NO_WRITE_TO_BINLOG\ |LOCAL\ )?TABLE
    | CREATE\ (?:OR\ REPLACE\ )?(?:UNIQUE\ |FULLTEXT\ |SPATIAL\ )?
      (?:DATABASE|SCHEMA|TABLE|SEQUENCE|INDEX) )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_HOLDS_ROWS = re.compile(
    rb"\b(?:INSERT|REPLACE) (?:\w+ )*INTO\b|\bSELECT\b(?! NEXTVAL| SETVAL)|\bUSING DATA\b",
    re.IGNORECASE,
)
_INSERTS = re.compile(rb"\b(?:INSERT|REPLACE) (?:\w+ )*INTO\b", re.IGNORECASE)
_KEYS = re.compile(
    rb"ALTER TABLE \S+ (?:DISABLE|ENABLE) KEYS|ALTER TABLE \S+ ADD (?!COLUMN)[A-Z]+ ", re.IGNORECASE
)
_ACCOUNTS = re.compile(
    rb"(?:CREATE|ALTER) (?:OR REPLACE )?(?:USER|ROLE|SERVER)\b|GRANT\b"
    rb"|SET (?:PASSWORD|DEFAULT ROLE)\b",
    re.IGNORECASE,
)
_CONNECTION = re.compile(
    rb"\bCONNECTION\s*=\s*['\"][^'\"]*://[^'\"/]*:[^'\"/]*@"
    rb"|\bCOMMENT\s*=\s*'[^']*\bpassword\s",
    re.IGNORECASE,
)
"""What a table is told, that is one of another server."""
_DELIMITER_LINE = re.compile(rb"^DELIMITER\s", re.IGNORECASE | re.MULTILINE)
_MARKS = re.compile(rb"/\*M?!\d*|\*/")
_COMMENT_END = b"-- Dump completed"
_BINARY = b"_binary '"


@dataclass(frozen=True, slots=True, kw_only=True)
class MySQL:
    """What mysqldump and mariadb-dump write, all of their options but --compact and --tab."""

    name: str = "mysql"
    keep: frozenset[str] = frozenset()
    """What passes as it is although it holds data: of `passed.KEEPABLE`."""

    def keeping(self, words: frozenset[str]) -> MySQL:
        """Return the format that lets pass what *words* say."""
        return replace(self, keep=words)

    def recognizes(self, head: bytes) -> bool:
        """Return whether *head* has the first lines of such a dump."""
        return bool(_HEAD.search(head))

    def pieces(self, source: BinaryIO, known: Described | None = None) -> Iterator[Piece]:
        """Yield rows, and what passes unchanged; *known* learns what that says of tables."""
        return script.pieces(source, _Reader(known or Described(), self.keep))

    def schema(self, source: BinaryIO) -> Described:
        """Return every table that the dump creates, with its keys and references."""
        return script.schema(self, source)


FORMAT = MySQL()


@dataclass(slots=True)
class _Reader:
    """Reads one dump, or several one behind the other."""

    known: Described
    _keep: frozenset[str]
    _written: dict[TableName, tuple[str, ...]] = field(default_factory=dict)
    """Columns that a row has values of where none are named."""
    _session: Session = field(default_factory=Session)
    _schema: str | None = None
    _delimiter: bytes = b";"
    _awaited: set[bytes] = field(default_factory=set)
    """What is at the end of the dump because of what is at its head."""
    _is_begun: bool = False

    @property
    def grammar(self) -> Grammar:
        return grammar(self._session.dialect, self._delimiter)

    def see(self, found: Found, window: Window) -> None:
        if found.sort is Sort.DELIMITER:
            self._delimiter = found.match[1]
        elif found.sort is Sort.COMMENT:
            self._see_comment(found.text, window)
        elif found.sort is Sort.OTHER:
            self._see_statement(found.text.removesuffix(self._delimiter), window)

    def _see_comment(self, text: bytes, window: Window) -> None:
        if holds_insert(text):
            raise window.error("a comment with an INSERT in it", hint="take it out of the dump")
        if _BEGINS.match(text):
            self._await(_COMMENT_END, window)
        elif _ENDS.match(text):
            self._awaited.discard(_COMMENT_END)

    def _await(self, end: bytes, window: Window) -> None:
        if end in self._awaited:
            raise window.error("another dump begins before the end of the one before", hint=CUT_OFF)
        self._awaited.add(end)
        self._is_begun = True

    def _see_statement(self, text: bytes, window: Window) -> None:
        line = bare(text, self._session.dialect)
        self._check(text, line, window)
        self.known.passed += passed_in(text)
        first = line[:6].upper()
        if first.startswith(b"SET "):
            self._see_set(_MARKS.sub(b" ", text), window)
        elif first.startswith(b"USE "):
            names = parts(text.strip()[4:], self._session.dialect)
            if len(names) != 1:
                raise window.error("a USE that does not name one schema")
            self._schema = _named(names[0])
        elif first == b"CREATE":
            self._see_create(text)
        elif first == b"ALTER " and not _KEYS.match(line):
            # Columns may be others now; a later INSERT has to name them.
            self._written.clear()

    def _check(self, text: bytes, line: bytes, window: Window) -> None:
        """Refuse a statement that could hold rows, or have swallowed one that does."""
        if not line:
            return
        if _ACCOUNTS.match(line) or _CONNECTION.search(text):
            self._check_password(text, window)
            return
        if _CODE.match(line):
            inserts = _INSERTS.search(line) or swallows_insert(text)
            known = not _DELIMITER_LINE.search(text) and not (self._delimiter == b";" and inserts)
        else:
            known = bool(_PASSES.match(line)) and not _HOLDS_ROWS.search(line)
            known = known and not swallows_insert(text)
        if not known:
            message = "a statement that is not known, and could hold data"
            raise window.error(message, hint="make the dump with mysqldump or mariadb-dump alone")

    def _check_password(self, text: bytes, window: Window) -> None:
        if swallows_insert(text):
            raise window.error("a statement with an INSERT in it", hint=CUT_OFF)
        if PASSWORDS not in self._keep:
            message = "a password, or the hash of one, may be in this statement"
            hint = "dump without accounts (no --system=users), and tables that name a server with"
            raise window.error(message, hint=f"{hint} its password; or {to_keep(PASSWORDS)}")

    def _see_set(self, text: bytes, window: Window) -> None:
        self._session.assign(text)
        for saved in _SAVES.finditer(text):
            self._await(saved[1], window)
        for restored in _RESTORES.finditer(text):
            self._awaited.discard(restored[1])

    def _see_create(self, text: bytes) -> None:
        # What stands in for a view, until its tables are there, is in a conditional comment.
        table = created(text, self._session.dialect)
        if table:
            name = self._table(table.name)
            self._written[name] = tuple(map(_named, table.written))
            self._describe(name, table)

    def _describe(self, name: TableName, table: Created) -> None:
        pairs = zip(table.columns, table.types, strict=True)
        self.known.tables[name] = {
            _named(each): None if type_ is None else _named(type_) for each, type_ in pairs
        }
        self.known.generated[name] = frozenset(map(_named, table.generated))
        self.known.keys[name] = tuple(tuple(map(_named, each)) for each in table.keys)
        self.known.references[name] = tuple(
            Reference(
                columns=tuple(map(_named, each.columns)),
                table=TableName(name.schema, _named(each.table[-1]))
                if len(each.table) == 1
                else self._table(each.table),
                to=tuple(map(_named, each.to)),
            )
            for each in table.references
        )

    def _table(self, names: Sequence[bytes]) -> TableName:
        schema = _named(names[0]) if len(names) > 1 else self._schema
        return TableName(schema, _named(names[-1]))

    def target(self, found: Found, window: Window) -> Target:
        dialect = self._session.dialect
        table = self._table(parts(found.match["table"], dialect))
        self._check_rows(table if table in self.known.tables else None, window)
        named = found.match["columns"]
        columns = tuple(map(_named, parts(named, dialect))) if named else self._written.get(table)
        if not columns:
            message = "an INSERT that names no columns, and no CREATE TABLE before it that does"
            hint = "dump with --complete-insert, or without --no-create-info"
            raise window.error(message, hint=hint)
        charset = self._session.character_set
        codec = Inserts(dialect=dialect, header=found.text, charset=charset)
        return Target(table=table, columns=columns, codec=codec)

    def _check_rows(self, table: TableName | None, window: Window) -> None:
        """Refuse rows where it is not known how they are written, or where the dump ends.

        *table* is None where no CREATE TABLE says its name: that of a damaged dump may hold rows.
        """
        character_set = self._session.character_set
        hint: str | None = None
        if self._delimiter != b";":
            message = "rows in a statement that a semicolon does not end"
        elif not self._awaited:
            message = "rows outside of the head and the end of a dump: none would miss the rest"
            hint = "dump without --compact"
        elif not self._session.is_told:
            message = "nothing before these rows says the SQL mode, so how strings are escaped"
            hint = "keep the head of the dump, which sets SQL_MODE"
        elif not charsets.is_known(character_set):
            message = "rows in a character set that cannot be read"
            hint = "dump with --default-character-set=utf8mb4"
        else:
            return
        raise window.error(message, table=table and str(table), hint=hint)

    def codec(self, target: Target, data: bytes) -> Inserts:
        if data.find(_BINARY, 0, ENOUGH) < 0:
            return target.codec
        dialect = replace(target.codec.dialect, blobs=Blobs.BINARY)
        return replace(target.codec, dialect=dialect)

    def finish(self, window: Window) -> None:
        if not self._is_begun:
            raise window.error("not a dump: its head is missing", hint="dump without --compact")
        if self._awaited:
            raise window.error("the dump is cut off: its last lines are missing", hint=CUT_OFF)


def _named(name: bytes) -> str:
    """Return *name* as text; what is not UTF-8 is taken as latin1."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")
