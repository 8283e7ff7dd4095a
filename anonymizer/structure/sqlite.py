"""SQLite: the structure of a file, or of the statements of `.dump`."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from anonymizer.column import Kind, Reference, TableName
from anonymizer.plan.kinds import facts_of_name
from anonymizer.sqlite.schema import Entry, read_entries
from anonymizer.sqlite.virtual import shadows
from anonymizer.structure.structure import Structure, TableDraft

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MADE = re.compile(rb"\s*CREATE\s+(?:TABLE|UNIQUE\s+INDEX)\b", re.IGNORECASE)
_NOISE = re.compile(rb"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
_COUNTS = re.compile(r"\bAUTOINCREMENT\b", re.IGNORECASE)
_VIRTUAL = re.compile(
    rb"VALUES\('table','((?:[^']|'')+)','(?:[^']|'')+',0,'(CREATE VIRTUAL (?:[^']|'')*)'\)",
    re.IGNORECASE,
)
_BITS = 64
_TABLES = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
    " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid"
)


@dataclass(slots=True, kw_only=True)
class SQLite:
    """Makes the empty tables of a dump in memory, and looks at them."""

    _statements: list[bytes] = field(default_factory=list)
    _virtual: list[Entry] = field(default_factory=list)

    def see(self, text: bytes) -> None:
        """Take note of the tables and keys that *text*, whole statements, makes."""
        for name, sql in _VIRTUAL.findall(text):
            said = [each.replace(b"''", b"'").decode("utf-8", "replace") for each in (name, sql)]
            entry = Entry(rowid=0, type="table", name=said[0], table=said[0], root=0, sql=said[1])
            self._virtual.append(entry)
        held = b""
        for part in text.split(b";")[:-1]:
            held += part + b";"
            if sqlite3.complete_statement(held.decode("utf-8", "replace")):
                statement = held[_NOISE.match(held).end() :]  # type: ignore[union-attr]
                if _MADE.match(statement):
                    self._statements.append(statement)
                held = b""

    def structure(self) -> Structure:
        """Return what was said so far; what this SQLite does not understand is left out."""
        with closing(sqlite3.connect(":memory:")) as connection:
            for each in self._statements:
                with suppress(sqlite3.Error, UnicodeDecodeError):
                    connection.execute(each.decode())
            return structure_of(connection, self._virtual)


def structure_of(connection: sqlite3.Connection, more: Sequence[Entry] = ()) -> Structure:
    """Return the structure of the database behind *connection*, but for virtual tables.

    *more* are virtual tables that it has not.
    """
    own = shadows([*read_entries(connection, "main"), *more])
    found = connection.execute(_TABLES).fetchall()
    tables = {name: sql for name, sql in found if name not in own}
    drafts = {name: _draft(connection, name) for name in tables}
    lower = {name.lower(): name for name in tables}
    for name, draft in drafts.items():
        draft.references += _references(connection, name, drafts, lower)
    return Structure(
        tables=tuple(draft.table(TableName(None, name)) for name, draft in drafts.items()),
        own=frozenset(TableName(None, name) for name in own),
        counters={
            TableName(None, name): drafts[name].keys[0][0]
            for name, sql in tables.items()
            if _COUNTS.search(sql) and drafts[name].keys
        },
    )


def _draft(connection: sqlite3.Connection, table: str) -> TableDraft:
    draft = TableDraft()
    primary: dict[int, str] = {}
    for _, name, written, never, _, of_key, hidden in connection.execute(
        "SELECT * FROM pragma_table_xinfo(?)", (table,)
    ):
        if hidden:
            continue
        facts = facts_of_name(written or "")
        # Whatever it is called, a number of SQLite has 64 bits.
        facts = replace(facts, bits=_BITS) if facts.kind is Kind.INTEGER else facts
        draft.columns[name] = facts, not (never or of_key)
        primary.update({of_key: name} if of_key else {})
    if primary:
        draft.keys.append(tuple(primary[place] for place in sorted(primary)))
    draft.keys += _keys(connection, table, draft)
    return draft


def _keys(
    connection: sqlite3.Connection, table: str, draft: TableDraft
) -> Iterator[tuple[str, ...]]:
    """Yield what is unique; of an expression, the columns that it names."""
    indexes = connection.execute(
        'SELECT name FROM pragma_index_list(?) WHERE "unique"', (table,)
    ).fetchall()
    for (name,) in indexes:
        rows = connection.execute(
            "SELECT cid, name FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno", (name,)
        ).fetchall()
        if all(column is not None for _, column in rows):
            yield tuple(column for _, column in rows)
            continue
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (name,)
        ).fetchone()
        yield draft.named_in(sql.partition("(")[2])


def _references(
    connection: sqlite3.Connection,
    table: str,
    drafts: dict[str, TableDraft],
    lower: dict[str, str],
) -> Iterator[Reference]:
    """Yield the foreign keys of *table*; SQLite does not look at the case of names."""
    found: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, _, to, column, referred, *_ in connection.execute(
        "SELECT * FROM pragma_foreign_key_list(?) ORDER BY id, seq", (table,)
    ):
        found.setdefault(number, []).append((to, column, referred))
    own = {each.lower(): each for each in drafts[table].columns}
    for pairs in found.values():
        parent = lower.get(pairs[0][0].lower())
        if parent is None:
            continue
        names = {each.lower(): each for each in drafts[parent].columns}
        key = drafts[parent].keys[0] if drafts[parent].keys else ()
        to = tuple(names.get((each[2] or "").lower(), "") for each in pairs)
        yield Reference(
            columns=tuple(own[each[1].lower()] for each in pairs),
            table=TableName(None, parent),
            to=to if all(to) else key,
        )
