"""Create: the columns of a table, as CREATE TABLE says them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from anonymizer.dumps.dialect import parts, string, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anonymizer.dumps.dialect import Dialect

_BEGIN = (
    rb"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:GLOBAL\s+|LOCAL\s+)?"
    rb"(?:TEMPORARY\s+|TEMP\s+|UNLOGGED\s+|FOREIGN\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"
)
_AS = b"AS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A table; its name may have a schema before it."""

    name: tuple[bytes, ...]
    columns: tuple[bytes, ...]
    written: tuple[bytes, ...]
    """Columns that a row has a value of, when no columns are named."""


def created(statement: bytes, dialect: Dialect) -> Created | None:
    """Return the table that *statement* creates, None when it says no columns."""
    begin = _begin(dialect).match(statement)
    if not begin:
        return None
    items = list(_items(statement[begin.end() :], dialect))
    columns = [item for item in items if not _is_constraint(item, dialect)]
    names = tuple(unquoted(item[0]) for item in columns)
    stored = tuple(unquoted(item[0]) for item in columns if not _is_generated(item))
    written = names if dialect.has_generated else stored
    name = tuple(parts(begin["table"], dialect))
    return Created(name=name, columns=names, written=written) if names else None


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


def _items(text: bytes, dialect: Dialect) -> Iterator[list[bytes]]:
    """Yield what stands between the outermost commas of *text*, up to its closing parenthesis.

    Of what is in inner parentheses only the first of them is there.
    """
    item: list[bytes] = []
    depth = 1
    for found in _token(dialect).finditer(text):
        token = found["name"] or found["mark"]
        if token is None:
            continue
        depth -= token == b")"
        if depth == 0:
            break
        if depth == 1 and token == b",":
            yield item
            item = []
        elif depth == 1 and token != b")":
            item.append(token)
        depth += token == b"("
    yield item


def _is_constraint(item: Sequence[bytes], dialect: Dialect) -> bool:
    return not item or item[0].upper() in dialect.constraints


def _is_generated(item: Sequence[bytes]) -> bool:
    """Return whether a column says AS (…)."""
    return any(word.upper() == _AS and mark == b"(" for word, mark in pairwise(item))
