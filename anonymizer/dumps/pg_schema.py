"""The schema that a dump of PostgreSQL describes: tables, columns, keys and partitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anonymizer.column import Reference
from anonymizer.dumps.base import Rows
from anonymizer.dumps.described import Described
from anonymizer.dumps.pg_split import statements_in, tokens
from anonymizer.dumps.pg_statement import NAME, TABLE, copied, default_schema, name_of
from anonymizer.passed import passed_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anonymizer.dumps.base import Piece

_CREATE = re.compile(
    rb"CREATE\s+(?:(?:GLOBAL|LOCAL|TEMPORARY|TEMP|UNLOGGED|FOREIGN)\s+)*TABLE\s+"
    rb"(?:IF\s+NOT\s+EXISTS\s+)?(?P<table>%b)\s*(?P<part>PARTITION\s+OF\s+(?P<whole>%b)\s*)?"
    % (TABLE, TABLE),
    re.IGNORECASE,
)
_ATTACH = re.compile(
    rb"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<whole>%b)\s+ATTACH\s+PARTITION\s+(?P<table>%b)"
    % (TABLE, TABLE),
    re.IGNORECASE,
)
_INHERITS = re.compile(rb"\)\s*INHERITS\s*\((?P<tables>[^()]*)\)", re.IGNORECASE)
_NAMES = rb"\((?P<columns>\s*%b(?:\s*,\s*%b)*\s*)\)" % (NAME, NAME)
_KEYS = (
    re.compile(
        rb"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<table>%b)\s+ADD\s+CONSTRAINT\s+%b\s+"
        rb"(?:(?P<primary>PRIMARY\s+KEY)|UNIQUE)\s*(?:NULLS\s+NOT\s+DISTINCT\s*)?%b"
        % (TABLE, NAME, _NAMES),
        re.IGNORECASE,
    ),
    re.compile(
        rb"CREATE\s+UNIQUE\s+INDEX\s+%b\s+ON\s+(?:ONLY\s+)?(?P<table>%b)\s+USING\s+\w+\s*%b"
        % (NAME, TABLE, _NAMES),
        re.IGNORECASE,
    ),
)
_REFERS = re.compile(
    rb"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<table>%b)\s+ADD\s+CONSTRAINT\s+%b\s+FOREIGN\s+KEY\s*%b\s*"
    rb"REFERENCES\s+(?P<target>%b)\s*%b"
    % (TABLE, NAME, _NAMES, TABLE, _NAMES.replace(b"columns", b"to")),
    re.IGNORECASE,
)
_EACH_NAME = re.compile(NAME)
_EACH_TABLE = re.compile(TABLE)
_NO_COLUMN = {b"CONSTRAINT", b"CHECK", b"UNIQUE", b"PRIMARY", b"FOREIGN", b"EXCLUDE", b"LIKE"}
_AFTER_TYPE = {
    *(b"COLLATE", b"DEFAULT", b"NOT", b"NULL", b"GENERATED", b"CONSTRAINT", b"CHECK"),
    *(b"STORAGE", b"COMPRESSION", b"OPTIONS", b"PRIMARY", b"UNIQUE", b"REFERENCES"),
}
_COMPUTED = re.compile(rb"\bGENERATED\s+ALWAYS\s+AS\s*\(", re.IGNORECASE)


def described(pieces: Iterable[Piece]) -> Described:
    """Return what *pieces*, each a statement or rows, say of tables: also of those that they fill.

    A table that inherits has the columns of its parents as well.
    """
    found = Described()
    for piece in pieces:
        if isinstance(piece, Rows):
            known = found.tables.setdefault(piece.table, {})
            known.update((name, known.get(name)) for name in piece.columns)
        else:
            for statement in statements_in(piece):
                learn(statement, found)
    return found


def learn(statement: bytes, found: Described) -> None:
    """Add to *found* what *statement* says."""
    found.default = default_schema(statement) or found.default
    found.passed += passed_in(statement)
    if created := _CREATE.match(statement):
        _learn_table(statement, created, found)
    elif attached := _ATTACH.match(statement):
        found.partitions[found.named(attached["table"])] = found.named(attached["whole"])
    elif copy := copied(statement, found.default):
        known = found.tables.setdefault(copy[0], {})
        known.update((name, known.get(name)) for name in copy[1])
    elif refers := _REFERS.match(statement):
        table, to = found.named(refers["table"]), found.named(refers["target"])
        reference = Reference(columns=_names(refers["columns"]), table=to, to=_names(refers["to"]))
        found.references[table] = (*found.references.get(table, ()), reference)
    else:
        for key in filter(None, (pattern.match(statement) for pattern in _KEYS)):
            table, columns = found.named(key["table"]), _names(key["columns"])
            others = found.keys.get(table, ())
            found.keys[table] = (
                (columns, *others) if key.groupdict().get("primary") else (*others, columns)
            )


def _names(text: bytes) -> tuple[str, ...]:
    return tuple(map(name_of, _EACH_NAME.findall(text)))


def _learn_table(statement: bytes, created: re.Match[bytes], found: Described) -> None:
    table = found.named(created["table"])
    columns: dict[str, str | None] = {}
    computed: set[str] = set()
    if created["whole"]:
        found.partitions[table] = found.named(created["whole"])
        columns.update(found.tables.get(found.partitions[table], {}))
    if inherits := _INHERITS.search(statement):
        for parent in _EACH_TABLE.finditer(inherits["tables"]):
            columns.update(found.tables.get(found.named(parent[0]), {}))
            computed |= found.generated.get(found.named(parent[0]), frozenset())
    for item in _items(statement, created.end()):
        if name := _EACH_NAME.match(item):
            columns[name_of(name[0])] = _type(item, name.end())
            computed |= {name_of(name[0])} if _COMPUTED.search(item) else set()
    found.tables[table] = columns
    if computed:
        found.generated[table] = frozenset(computed)


def _items(statement: bytes, at: int) -> Iterator[bytes]:
    """Yield the text of each column between the parentheses that open at *at*."""
    depth, begin = 0, at + 1
    for kind, start, end in tokens(statement, at):
        depth += (kind == "open") - (kind == "close")
        comma = statement.find(b",", start, end) if kind == "plain" and depth == 1 else -1
        if depth and comma < 0:
            continue
        item = statement[begin : start if comma < 0 else comma].strip()
        if item and item.split(None, 1)[0].upper() not in _NO_COLUMN:
            yield item
        if not depth:
            return
        begin = comma + 1


def _type(item: bytes, at: int) -> str | None:
    """Return the type that stands in *item* from *at* on."""
    depth = 0
    end = len(item)
    for kind, start, stop in tokens(item, at):
        depth += (kind == "open") - (kind == "close")
        if not depth and kind == "word" and item[start:stop].upper() in _AFTER_TYPE:
            end = start
            break
    text = b" ".join(item[at:end].split())
    return text.decode("utf-8", "surrogateescape") or None
