"""Sequences: what counts keys is set behind the last of all copies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anonymizer.column import TableName
from anonymizer.dumps.pg_statement import table_named

if TYPE_CHECKING:
    from anonymizer.scale.scaler import Scaler, Seen
    from anonymizer.structure import Structure

_SETVAL = re.compile(
    rb"(?P<head>SELECT\s+pg_catalog\.setval\('(?P<name>(?:[^']|'')+)',\s*)(?P<last>-?\d+),\s*"
    rb"(?P<called>true|false)\)",
    re.IGNORECASE,
)
_NAME = rb"(?:`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|\w+)"
_COUNTER = re.compile(
    rb"^USE (?P<schema>%b);|^(?P<head>CREATE TABLE (?:IF NOT EXISTS )?(?P<table>%b) \(\n"
    rb"(?:[^\n]++|\n(?!\)))*+\n\)[^;\n]*? AUTO_INCREMENT=)(?P<next>\d+)" % (_NAME, _NAME),
    re.MULTILINE,
)
_ROW = re.compile(
    rb"(?P<head>^INSERT INTO \"?sqlite_sequence\"? VALUES\('(?P<table>(?:[^']|'')+)',)"
    rb"(?P<last>\d+)\)",
    re.MULTILINE,
)


@dataclass(slots=True, kw_only=True)
class Sequences:
    """Rewrites what sets sequences, in the text between rows."""

    structure: Structure
    scaler: Scaler
    seen: Seen
    _schema: str | None = None

    def __call__(self, text: bytes) -> bytes:
        """Return *text*, whole statements, with other numbers where copies have larger keys."""
        if b"setval(" in text:
            text = _SETVAL.sub(self._set, text)
        if b"AUTO_INCREMENT" in text or b"USE " in text:
            text = _COUNTER.sub(self._next, text)
        return _ROW.sub(self._last, text) if b"sqlite_sequence" in text else text

    def last(self, table: TableName, column: str, last: int) -> int:
        """Return the last value that the counter of a column has given, where it was *last*."""
        return self.scaler.sequence(table, column, last, self.seen)

    def _set(self, found: re.Match[bytes]) -> bytes:
        place = self.structure.sequences.get(table_named(found["name"].replace(b"''", b"'")))
        before = int(found["last"])
        after = before if place is None else self.last(*place, before)
        if after == before:
            return found[0]
        return b"%b%d, true)" % (found["head"], after)

    def _next(self, found: re.Match[bytes]) -> bytes:
        if found["schema"]:
            self._schema = _bare(found["schema"])
            return found[0]
        table = TableName(self._schema, _bare(found["table"]))
        column, before = self.structure.counters.get(table), int(found["next"])
        after = before if column is None else self.last(table, column, before - 1) + 1
        return found["head"] + b"%d" % after

    def _last(self, found: re.Match[bytes]) -> bytes:
        name = found["table"].replace(b"''", b"'").decode("utf-8", "surrogateescape")
        table, before = TableName(None, name), int(found["last"])
        column = self.structure.counters.get(table)
        after = before if column is None else self.last(table, column, before)
        return found["head"] + b"%d)" % after


def _bare(name: bytes) -> str:
    quote = name[:1]
    bare = name[1:-1].replace(quote * 2, quote) if quote in (b"`", b'"') else name
    return bare.decode("utf-8", "surrogateescape")
