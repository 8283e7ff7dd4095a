"""PostgreSQL: the structure that the statements of pg_dump say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.dumps.described import Described
from anonymizer.dumps.pg_schema import learn
from anonymizer.dumps.pg_split import statements_in
from anonymizer.dumps.pg_statement import NAME, TABLE, name_of
from anonymizer.errors import DumpError
from anonymizer.plan.kinds import facts_of_name
from anonymizer.structure.structure import Structure, TableDraft, folded

if TYPE_CHECKING:
    from collections.abc import Callable

    from anonymizer.column import TableName
    from anonymizer.structure.structure import Place

_Counts: TypeAlias = "dict[TableName, int]"
_CREATE = re.compile(rb"CREATE\s+(?:\w+\s+)*?TABLE\s+(?P<table>%b)\s*[(P]" % TABLE, re.IGNORECASE)
_NOT_NULL = re.compile(rb"(?m)^\s+(?P<column>%b)\s[^\n]*\bNOT NULL\b" % NAME)
_PARTED = re.compile(rb"\)\s*PARTITION BY \w+ \((?P<by>.*)\)\s*;?\s*\Z", re.DOTALL)
_ALTER = rb"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<table>%b)\s+" % TABLE
_EXCLUDE = re.compile(
    _ALTER + rb"ADD\s+CONSTRAINT\s+%b\s+EXCLUDE\s+USING\s+\w+\s*\((?P<by>.*)\)" % NAME,
    re.IGNORECASE | re.DOTALL,
)
_EQUAL = re.compile(rb"(%b)\s+WITH\s+=" % NAME)
_INDEX = re.compile(
    rb"CREATE\s+UNIQUE\s+INDEX\s+%b\s+ON\s+(?:ONLY\s+)?(?P<table>%b)\s+USING\s+\w+\s*"
    rb"\((?P<by>.*?)\)\s*(?:INCLUDE|NULLS|WITH|TABLESPACE|WHERE|;|\Z)" % (NAME, TABLE),
    re.IGNORECASE | re.DOTALL,
)
_OWNED = re.compile(
    rb"ALTER\s+SEQUENCE\s+(?P<sequence>%b)\s+OWNED\s+BY\s+(?P<table>%b)\.(?P<column>%b)\s*;"
    % (TABLE, TABLE, NAME),
    re.IGNORECASE,
)
_IDENTITY = re.compile(
    _ALTER + rb"ALTER\s+COLUMN\s+(?P<column>%b)\s+ADD\s+GENERATED\s+[A-Z ]+\s+AS\s+IDENTITY\s*\("
    rb"\s*SEQUENCE\s+NAME\s+(?P<sequence>%b)" % (NAME, TABLE),
    re.IGNORECASE,
)
_DEFAULT = re.compile(
    _ALTER + rb"ALTER\s+COLUMN\s+(?P<column>%b)\s+SET\s+DEFAULT\s+nextval\('"
    rb"(?P<sequence>%b)'::regclass\)" % (NAME, TABLE),
    re.IGNORECASE,
)
_FIRST = (b"CREATE", b"ALTER ", b"create", b"alter ")


@dataclass(slots=True, kw_only=True)
class PostgreSQL:
    """Gathers what statements say, in any order."""

    _said: Described = field(default_factory=Described)
    _never: dict[TableName, set[str]] = field(default_factory=dict)
    _expressions: list[tuple[TableName, str]] = field(default_factory=list)
    _keys: list[tuple[TableName, tuple[str, ...]]] = field(default_factory=list)
    _parted: list[tuple[TableName, str]] = field(default_factory=list)
    _sequences: dict[TableName, Place] = field(default_factory=dict)

    def see(self, text: bytes) -> None:
        """Take note of the statements in *text*."""
        for statement in statements_in(text):
            known = {name: len(keys) for name, keys in self._said.keys.items()}
            learn(statement, self._said)
            if statement.startswith(_FIRST):
                self._see(statement, known)

    def _see(self, statement: bytes, known: _Counts) -> None:
        for pattern, take in _TAKERS:
            if found := pattern.match(statement):
                take(self, found, self._said.named(found["table"]), known)
                return

    def take_table(self, found: re.Match[bytes], table: TableName, _known: _Counts) -> None:
        """Take note of what a table does not let be NULL, and how it is parted."""
        if table in self._never:
            raise DumpError(
                "the table is made twice: this is a dump of several databases",
                table=str(table),
                hint="dump each database on its own, with pg_dump",
            )
        never = (name_of(each["column"]) for each in _NOT_NULL.finditer(found.string))
        self._never.setdefault(table, set()).update(never)
        if parted := _PARTED.search(found.string):
            self._parted.append((table, _text(parted["by"])))

    def take_exclusion(self, found: re.Match[bytes], table: TableName, _known: _Counts) -> None:
        """Take what an exclusion constraint keeps apart for a key."""
        equal = tuple(name_of(each) for each in _EQUAL.findall(found["by"]))
        if equal:
            self._keys.append((table, equal))
        else:
            self._expressions.append((table, _text(found["by"])))

    def take_index(self, found: re.Match[bytes], table: TableName, known: _Counts) -> None:
        """Take a unique index of which the dump's own schema did not understand the columns."""
        if len(self._said.keys.get(table, ())) == known.get(table, 0):
            self._expressions.append((table, _text(found["by"])))

    def take_sequence(self, found: re.Match[bytes], table: TableName, _known: _Counts) -> None:
        """Take note of what a sequence numbers."""
        self._sequences[self._said.named(found["sequence"])] = table, name_of(found["column"])

    def structure(self) -> Structure:
        """Return what was said so far."""
        drafts = {name: self._draft(name) for name in self._said.tables}
        for name, key in self._keys:
            if name in drafts:
                drafts[name].keys.append(key)
        for name, text in self._expressions:
            if name in drafts:
                drafts[name].keys.append(drafts[name].named_in(text))
        found = Structure(tables=(), partitions=dict(self._said.partitions))
        parted = frozenset(
            (found.whole(name), column)
            for name, text in self._parted
            for column in drafts[name].named_in(text)
        )
        sequences = {
            name: (found.whole(table), column) for name, (table, column) in self._sequences.items()
        }
        tables = tuple(folded(drafts, found))
        return replace(found, tables=tables, parted=parted, sequences=sequences, _found={})

    def _draft(self, name: TableName) -> TableDraft:
        columns, never = self._said.tables[name], self._never.get(name, set())
        return TableDraft(
            columns={
                each: (facts_of_name(written or ""), each not in never)
                for each, written in columns.items()
                if each not in self._said.generated.get(name, frozenset())
            },
            keys=list(self._said.keys.get(name, ())),
            references=list(self._said.references.get(name, ())),
        )


def _text(expression: bytes) -> str:
    return expression.decode("utf-8", "replace")


_TAKERS: tuple[
    tuple[re.Pattern[bytes], Callable[[PostgreSQL, re.Match[bytes], TableName, _Counts], None]], ...
] = (
    (_CREATE, PostgreSQL.take_table),
    (_EXCLUDE, PostgreSQL.take_exclusion),
    (_INDEX, PostgreSQL.take_index),
    (_OWNED, PostgreSQL.take_sequence),
    (_IDENTITY, PostgreSQL.take_sequence),
    (_DEFAULT, PostgreSQL.take_sequence),
)
