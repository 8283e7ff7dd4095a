"""MySQL: the structure that the CREATE TABLE of mysqldump and mariadb-dump say."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.mysql.reflection import MySQLTableDefinitionParser

from anonymizer.column import Reference, TableName
from anonymizer.plan.kinds import facts_of
from anonymizer.structure.structure import Structure, TableDraft

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anonymizer.structure.structure import Place

_NAME = rb"(?:`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|\w+)"
_STATEMENT = re.compile(
    rb"^USE (?P<schema>%b);|^(?P<create>CREATE TABLE (?:IF NOT EXISTS )?(?P<table>%b) \(\n"
    rb"(?P<body>.*?)\n\)(?P<options>[^;]*);)" % (_NAME, _NAME),
    re.MULTILINE | re.DOTALL,
)
_UNIQUE = re.compile(r"\s*(?:CONSTRAINT \S+ )?UNIQUE KEY \S+ \((?P<by>.*)\)")
_PARTED = re.compile(r"PARTITION BY (?:RANGE|LIST)[^(]*\((?P<by>.*?)\)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class MySQL:
    """Gathers what the statements of a dump say."""

    _schema: str | None = None
    _drafts: dict[TableName, TableDraft] = field(default_factory=dict)
    _prefixes: set[Place] = field(default_factory=set)
    _parted: set[Place] = field(default_factory=set)
    _counters: dict[TableName, str] = field(default_factory=dict)

    def see(self, text: bytes) -> None:
        """Take note of the tables that *text*, whole statements, makes."""
        for found in _STATEMENT.finditer(text):
            if found["schema"]:
                self._schema = _named(found["schema"])
            else:
                name = TableName(self._schema, _named(found["table"]))
                self._see_table(name, found)

    def _see_table(self, name: TableName, found: re.Match[bytes]) -> None:
        text = found["create"].decode("utf-8", "replace").replace("IF NOT EXISTS ", "", 1)
        with warnings.catch_warnings():
            # A type that it does not know is one that nothing is done to.
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            said = _parser(ansi=found["table"].startswith(b'"')).parse(text, None)
        draft = self._drafts[name] = TableDraft()
        for column in said.columns:
            draft.columns[column["name"]] = facts_of(column["type"]), bool(column["nullable"])
            if column.get("autoincrement"):
                self._counters[name] = column["name"]
        self._see_keys(name, said.keys)
        for line in found["body"].decode("utf-8", "replace").splitlines():
            unique = _UNIQUE.match(line)
            if unique and "(" in unique["by"].replace("`(", ""):
                draft.keys.append(draft.named_in(unique["by"]))
        draft.references += map(self._reference, said.fk_constraints)
        options = found["options"].decode("utf-8", "replace")
        if (parted := _PARTED.search(options)) and "MAXVALUE" not in options:
            self._parted.update((name, each) for each in draft.named_in(parted["by"]))

    def _see_keys(self, name: TableName, keys: Iterable[Mapping[str, Any]]) -> None:
        for key in sorted(keys, key=lambda each: each["type"] != "PRIMARY"):
            if key["type"] in {"PRIMARY", "UNIQUE"} and key["columns"]:
                self._drafts[name].keys.append(tuple(each[0] for each in key["columns"]))
                short = (each[0] for each in key["columns"] if each[1])
                self._prefixes.update((name, each) for each in short)

    def _reference(self, said: Mapping[str, Any]) -> Reference:
        schema, *_ = said["table"] if len(said["table"]) > 1 else (self._schema,)
        return Reference(
            columns=tuple(said["local"]),
            table=TableName(schema, said["table"][-1]),
            to=tuple(said["foreign"]),
        )

    def structure(self) -> Structure:
        """Return what was said so far."""
        return Structure(
            tables=tuple(draft.table(name) for name, draft in self._drafts.items()),
            prefixes=frozenset(self._prefixes),
            parted=frozenset(self._parted),
            counters=dict(self._counters),
            fold=True,
        )


def _parser(*, ansi: bool) -> MySQLTableDefinitionParser:
    dialect = MySQLDialect()
    preparer = dialect.preparer(dialect, server_ansiquotes=ansi)
    return MySQLTableDefinitionParser(dialect, preparer)


def _named(name: bytes) -> str:
    """Return *name* as text, without its quotes."""
    quote = name[:1]
    bare = name[1:-1].replace(quote * 2, quote) if quote in (b"`", b'"') else name
    try:
        return bare.decode()
    except UnicodeDecodeError:
        return bare.decode("latin-1")
