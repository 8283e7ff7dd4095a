"""Create: the columns, keys and references of a table, as CREATE TABLE says them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from anonymizer.dumps.dialect import parts, string, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anonymizer.dumps.dialect import Dialect

_BEGIN = (
    rb"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:GLOBAL\s+|LOCAL\s+)?"
    rb"(?:TEMPORARY\s+|TEMP\s+|UNLOGGED\s+|FOREIGN\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"
)
_AS = b"AS"
_TYPE = re.compile(
    rb"\s*([A-Za-z]\w*(?:\s+(?:precision|varying))?"
    rb"(?:\s*\((?:'(?:[^'\\]|''|\\.)*'|[^'()])*\))?(?:\s+unsigned)?)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refers:
    """A foreign key; the name of the table that it refers to may have a schema before it."""

    columns: tuple[bytes, ...]
    table: tuple[bytes, ...]
    to: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A table; its name may have a schema before it."""

    name: tuple[bytes, ...]
    columns: tuple[bytes, ...]
    written: tuple[bytes, ...]
    """Columns that a row has a value of, when no columns are named."""
    types: tuple[bytes | None, ...]
    """Of *columns*, as they are written; None where none is said."""
    generated: tuple[bytes, ...]
    """Columns that the database computes."""
    keys: tuple[tuple[bytes, ...], ...] = ()
    """Columns that are unique together, of the primary key first."""
    references: tuple[Refers, ...] = ()


class _Item(NamedTuple):
    """What stands between two of the outermost commas."""

    tokens: list[bytes]
    """Of what is in inner parentheses only the first of them is there."""
    text: bytes


def created(statement: bytes, dialect: Dialect) -> Created | None:
    """Return the table that *statement* creates, None when it says no columns."""
    begin = _begin(dialect).match(statement)
    if not begin:
        return None
    items = list(_items(statement[begin.end() :], dialect))
    columns = [item for item in items if not _is_constraint(item.tokens, dialect)]
    rest = [item.text for item in items if _is_constraint(item.tokens, dialect)]
    names = tuple(unquoted(item.tokens[0]) for item in columns)
    generated = tuple(unquoted(each.tokens[0]) for each in columns if _is_generated(each.tokens))
    stored = tuple(each for each in names if each not in generated)
    if not names:
        return None
    return Created(
        name=tuple(parts(begin["table"], dialect)),
        columns=names,
        written=names if dialect.has_generated else stored,
        types=tuple(map(_type, columns)),
        generated=generated,
        keys=tuple(_keys(rest, dialect)),
        references=tuple(_references(rest, dialect)),
    )


@lru_cache
def _begin(dialect: Dialect) -> re.Pattern[bytes]:
    name = rb"(?:%s)" % dialect.names
    table = rb"(?P<table>%s(?:\s*\.\s*%s)?)\s*\(" % (name, name)
    return re.compile(_BEGIN + table, re.IGNORECASE | re.DOTALL)


@lru_cache
def _token(dialect: Dialect) -> re.Pattern[bytes]:
    strings = rb"|".join(string(each, dialect) for each in (b"'", b'"'))
    comments = rb"/\*M?!\d*|\*/|/\*.*?\*/|--\s[^\n]*"
    pattern = rb"(?P<name>%s)|%s|%s|(?P<mark>[(),])" % (dialect.names, strings, comments)
    return re.compile(pattern, re.DOTALL)


@lru_cache
def _key(dialect: Dialect) -> re.Pattern[bytes]:
    """Return the pattern of a key: of columns, each of which may be cut or turned round."""
    name = rb"(?:%s)" % dialect.names
    column = rb"%s(?:\s*\(\d+\))?(?:\s+(?:ASC|DESC))?" % name
    return re.compile(
        rb"(?:CONSTRAINT\s+(?:%s\s+)?)?(?:PRIMARY\s+KEY|UNIQUE(?:\s+(?:KEY|INDEX))?)\s*(?:%s\s*)?"
        rb"(?:USING\s+\w+\s*)?\((?P<columns>\s*%s(?:\s*,\s*%s)*\s*)\)"
        % (name, name, column, column),
        re.IGNORECASE,
    )


@lru_cache
def _refers(dialect: Dialect) -> re.Pattern[bytes]:
    name = rb"(?:%s)" % dialect.names
    names = rb"\s*%s(?:\s*,\s*%s)*\s*" % (name, name)
    return re.compile(
        rb"(?:CONSTRAINT\s+(?:%s\s+)?)?FOREIGN\s+KEY\s*(?:%s\s*)?\((?P<columns>%s)\)\s*"
        rb"REFERENCES\s+(?P<table>%s(?:\s*\.\s*%s)?)\s*\((?P<to>%s)\)"
        % (name, name, names, name, name, names),
        re.IGNORECASE,
    )


def _keys(constraints: Sequence[bytes], dialect: Dialect) -> Iterator[tuple[bytes, ...]]:
    """Yield the columns of each key; one of an expression is none of columns."""
    for text in constraints:
        if found := _key(dialect).match(text):
            plain = re.sub(rb"\(\d+\)|\b(?:ASC|DESC)\b(?=\s*(?:,|$))", b"", found["columns"])
            yield tuple(parts(plain, dialect))


def _references(constraints: Sequence[bytes], dialect: Dialect) -> Iterator[Refers]:
    for text in constraints:
        if found := _refers(dialect).match(text):
            columns, table, to = (
                tuple(parts(found[name], dialect)) for name in ("columns", "table", "to")
            )
            yield Refers(columns=columns, table=table, to=to)


def _items(text: bytes, dialect: Dialect) -> Iterator[_Item]:
    """Yield what stands between the outermost commas of *text*, up to its closing parenthesis."""
    tokens: list[bytes] = []
    depth, begin, end = 1, 0, len(text)
    for found in _token(dialect).finditer(text):
        token = found["name"] or found["mark"]
        if token is None:
            continue
        depth -= token == b")"
        if depth == 0:
            end = found.start()
            break
        if depth == 1 and token == b",":
            yield _Item(tokens, text[begin : found.start()].strip())
            tokens, begin = [], found.end()
        elif depth == 1 and token != b")":
            tokens.append(token)
        depth += token == b"("
    yield _Item(tokens, text[begin:end].strip())


def _is_constraint(tokens: Sequence[bytes], dialect: Dialect) -> bool:
    return not tokens or tokens[0].upper() in dialect.constraints


def _is_generated(tokens: Sequence[bytes]) -> bool:
    """Return whether a column says AS (…)."""
    return any(word.upper() == _AS and mark == b"(" for word, mark in pairwise(tokens))


def _type(item: _Item) -> bytes | None:
    """Return the type of a column; its name is the first token of *item*."""
    found = _TYPE.match(item.text, item.text.index(item.tokens[0]) + len(item.tokens[0]))
    return found[1] if found else None
