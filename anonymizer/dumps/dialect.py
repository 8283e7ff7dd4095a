"""Dialect: how a database writes values and names in SQL, as far as INSERT needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Blobs(Enum):
    """How values of BINARY are written."""

    HEX = "0x41"
    BINARY = "_binary 'A'"
    X = "X'41'"
    BYTEA = "'\\x41'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Lexical rules of one database, or of one of its modes."""

    name: str
    backslash: bool = False
    """Whether a backslash escapes in '…'."""
    ansi: bool = True
    """Whether "…" is a name, not a string."""
    names: bytes
    """Pattern of one part of a name."""
    verbs: bytes = rb"INSERT\s+INTO"
    """Pattern of what a statement that inserts begins with."""
    overriding: bytes = b""
    """Pattern of what may stand before VALUES."""
    words: tuple[bytes, ...] = (b"NULL",)
    """Bare words that are values."""
    forms: tuple[tuple[bytes, bytes], ...] = ()
    """Beginnings and ends of values that are not numbers, words or '…'."""
    exact: bytes = b""
    """Pattern of those values that their beginnings and ends do not tell well enough."""
    special: bytes = b""
    """Bytes of text for which a plain '…' will not do."""
    tail: bytes = b""
    """Pattern of what may stand between the last row of a statement and its end."""
    has_spaces: bool = False
    """Whether a space stands behind the commas of a row."""
    blobs: Blobs
    constraints: tuple[bytes, ...]
    """Words that begin an item of CREATE TABLE which is no column."""
    has_generated: bool = True
    """Whether rows have values for generated columns, where no columns are named."""

    @property
    def header(self) -> re.Pattern[bytes]:
        """Pattern of an INSERT up to its first row: groups table and columns."""
        name = rb"(?:%s)" % self.names
        table = rb"%s(?:\s*\.\s*%s)?" % (name, name)
        columns = rb"\(\s*%s(?:\s*,\s*%s)*\s*\)" % (name, name)
        pattern = rb"(?:%s)\s+(?P<table>%s)\s*(?P<columns>%s)?\s*%s\s*VALUES\s*(?=\()"
        return re.compile(
            pattern % (self.verbs, table, columns, self.overriding), re.IGNORECASE | re.DOTALL
        )


_BARE = rb"[A-Za-z0-9_$\x80-\xff]++"
# No name goes over a line end: a quote that is wrong then takes no rows into one.
_DOUBLE = rb'"(?:[^"\n]|"")++"'
_BACKTICKS = rb"`(?:[^`\n]|``)++`"
_CONSTRAINTS = (b"CONSTRAINT", b"PRIMARY", b"UNIQUE", b"FOREIGN", b"CHECK")

MYSQL = Dialect(
    name="mysql",
    backslash=True,
    ansi=False,
    names=rb"|".join((_BACKTICKS, _BARE)),
    verbs=rb"(?:INSERT|REPLACE)(?:\s+(?:LOW_PRIORITY|HIGH_PRIORITY|DELAYED|IGNORE))*\s+INTO",
    forms=((b"_binary '", b"'"), (b"b'", b"'"), (b"x'", b"'"), (b"X'", b"'")),
    blobs=Blobs.HEX,
    constraints=(*_CONSTRAINTS, b"KEY", b"INDEX", b"FULLTEXT", b"SPATIAL", b"PERIOD"),
)
MYSQL_ANSI_NAMES = rb"|".join((_BACKTICKS, _DOUBLE, _BARE))
SQLITE = Dialect(
    name="sqlite",
    names=rb"|".join((_DOUBLE, _BACKTICKS, rb"\[[^\]\n]++\]", rb"'(?:[^'\n]|'')++'", _BARE)),
    verbs=rb"INSERT(?:\s+OR\s+(?:REPLACE|IGNORE|ABORT|FAIL|ROLLBACK))?\s+INTO",
    forms=(
        (b"X'", b"'"),
        (b"x'", b"'"),
        (b"replace(", b")"),
        (b"unistr(", b")"),
        (b"CAST(X'", b" AS TEXT)"),
    ),
    special=b"\n\r\0",
    blobs=Blobs.X,
    constraints=_CONSTRAINTS,
    has_generated=False,
)
POSTGRESQL = Dialect(
    name="postgresql",
    names=rb"|".join((_DOUBLE, _BARE)),
    overriding=rb"(?:OVERRIDING\s+(?:SYSTEM|USER)\s+VALUE)?",
    words=(b"NULL", b"DEFAULT", b"true", b"false"),
    forms=((b"E'", b"'"), (b"B'", b"'")),
    # No \' in it: where strings end would then depend on the E before them.
    exact=rb"E'(?:[^'\\]|\\[^']|'')*+'|B'[01]*+'",
    special=b"\\",
    has_spaces=True,
    tail=rb"ON\s+CONFLICT\s+DO\s+NOTHING",
    blobs=Blobs.BYTEA,
    constraints=(*_CONSTRAINTS, b"EXCLUDE", b"LIKE"),
)


def string(quote: bytes, dialect: Dialect) -> bytes:
    """Return the pattern of a string, or a name, between two of *quote*; a doubled one is two."""
    if dialect.backslash and (quote == b"'" or not dialect.ansi):
        return rb"%s(?:[^%s\\]|\\.)*+%s" % (quote, quote, quote)
    return rb"%s[^%s]*+%s" % (quote, quote, quote)


def unquoted(name: bytes) -> bytes:
    """Return *name* without its quotes."""
    quote, end = name[:1], name[-1:]
    if quote == b"[" and end == b"]":
        return name[1:-1]
    if quote in (b"`", b'"', b"'") and end == quote:
        return name[1:-1].replace(quote * 2, quote)
    return name


def parts(names: bytes, dialect: Dialect) -> list[bytes]:
    """Return the names in *names*, a list in parentheses or a name with dots, without quotes."""
    return [unquoted(each) for each in re.findall(dialect.names, names)]
