"""Statements: SQL text taken apart into blanks, comments, statements and inserted rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from anonymizer.dumps.dialect import string

if TYPE_CHECKING:
    from anonymizer.dumps.dialect import Dialect
    from anonymizer.dumps.window import Window

LONGEST = 1 << 26
"""Bytes of the longest statement that is no INSERT."""
LONGEST_HEADER = 1 << 20
CUT_OFF = "make the dump again; is the disk full, was the copy interrupted?"

_BLANK = re.compile(rb"\s+")
_NEVER = re.compile(rb"(?!)")
_DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)[^\n]*(?:\n|\Z)", re.IGNORECASE)
_TRIGGER = re.compile(rb"\s*CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b", re.IGNORECASE)
_TRIGGER_PART = re.compile(rb"\s*(?:INSERT|REPLACE|UPDATE|DELETE|SELECT|WITH)\b", re.IGNORECASE)
_TRIGGER_END = re.compile(rb"\s*END\s*;", re.IGNORECASE)
_INSERT = re.compile(rb"(?:INSERT|REPLACE)\b", re.IGNORECASE)
_INSERT_IN_COMMENT = re.compile(rb"\b(?:INSERT|REPLACE)\b.*\bVALUES\b", re.IGNORECASE | re.DOTALL)
_INSERT_LINE = re.compile(rb"^(?:INSERT|REPLACE)\b[^\n]*\bVALUES\b", re.IGNORECASE | re.MULTILINE)


class Sort(Enum):
    """What a stretch of a dump is."""

    BLANK = "blank"
    COMMENT = "comment"
    DELIMITER = "delimiter"
    """A line that says to MySQL's client what ends a statement."""
    INSERT = "insert"
    """What stands before the first row."""
    OTHER = "other"
    """A statement, with what ends it."""


class Found(NamedTuple):
    """A stretch of a window's data, from where the window begins."""

    sort: Sort
    match: re.Match[bytes]
    end: int

    @property
    def text(self) -> bytes:
        """The stretch itself."""
        return self.match.string[self.match.start() : self.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """Patterns of one dialect and one delimiter."""

    comment: re.Pattern[bytes]
    delimiter: re.Pattern[bytes]
    header: re.Pattern[bytes]
    statement: re.Pattern[bytes]
    has_triggers: bool
    """Whether the statements of a trigger end as others do, and it with END."""


@lru_cache
def grammar(dialect: Dialect, delimiter: bytes = b";") -> Grammar:
    """Return the patterns of *dialect* where *delimiter* ends a statement."""
    is_mysql = dialect.name == "mysql"
    dashes = rb"--(?=\s|\Z)[^\n]*+(?:\n|\Z)" if is_mysql else rb"--[^\n]*+(?:\n|\Z)"
    block = rb"/\*%s(?:[^*]|\*(?!/))*+\*/" % (rb"(?!M?!)" if is_mysql else b"")
    sandbox = rb"/\*M!999999\\-[^*\n]*+\*/"
    quoted = [string(each, dialect) for each in (b"'", b'"', b"`")]
    quoted.append(rb"\#[^\n]*+\n" if is_mysql else rb"\[[^\]]*+\]")
    others = (
        rb"[^'\"`#\[/\-%s]++" % re.escape(delimiter[:1]),
        *quoted,
        dashes,
        block,
        rb"(?!%s|--(?=\s)|/\*(?!M?!)|['\"`#])." % re.escape(delimiter)
        if is_mysql
        else rb"(?!--|/\*)[#/\-]",
    )
    statement = rb"(?:%s)*+%s" % (rb"|".join(others), re.escape(delimiter))
    return Grammar(
        comment=re.compile(rb"|".join((dashes, block, sandbox) if is_mysql else (dashes, block))),
        delimiter=_DELIMITER if is_mysql else _NEVER,
        header=dialect.header,
        statement=re.compile(statement, re.DOTALL),
        has_triggers=not is_mysql,
    )


def find(window: Window, grammar: Grammar) -> Found | None:
    """Return what *window* begins with, None at the end of the dump.

    Raises DumpError for a statement that does not end, and an INSERT of something else than rows.
    """
    while True:
        begin = window.open()
        found = _found(window, begin, grammar)
        if found and (found.end < len(window.data) or window.is_all):
            return found
        if len(window.data) - begin > LONGEST:
            raise window.error(f"a statement of more than {LONGEST} bytes")
        if window.is_all:
            break
        window.grow()
    if begin == len(window.data):
        return None
    raise window.error("the dump is cut off within a statement", hint=CUT_OFF)


def _found(window: Window, begin: int, grammar: Grammar) -> Found | None:
    data = window.data
    for sort, pattern in (
        (Sort.BLANK, _BLANK),
        (Sort.COMMENT, grammar.comment),
        (Sort.DELIMITER, grammar.delimiter),
        (Sort.INSERT, grammar.header),
    ):
        if match := pattern.match(data, begin):
            return Found(sort, match, match.end())
    if _INSERT.match(data, begin):
        if window.is_all or len(data) - begin > LONGEST_HEADER:
            message = "an INSERT of something else than rows, or one that is cut off"
            raise window.error(message, hint=CUT_OFF)
        return None
    match = grammar.statement.match(data, begin)
    if match and grammar.has_triggers and _TRIGGER.match(data, begin):
        end = _trigger_end(window, match.end(), grammar)
        return Found(Sort.OTHER, match, end) if end else None
    return Found(Sort.OTHER, match, match.end()) if match else None


def _trigger_end(window: Window, place: int, grammar: Grammar) -> int | None:
    """Return where a trigger ends whose first statement ends at *place*: behind its END."""
    while match := grammar.statement.match(window.data, place):
        if _TRIGGER_END.fullmatch(match[0]):
            return match.end()
        if not _TRIGGER_PART.match(match[0]):
            raise window.error("a trigger that does not end")
        place = match.end()
    return None


def holds_insert(comment: bytes) -> bool:
    """Return whether *comment* has an INSERT in it that somebody put aside."""
    return bool(_INSERT_IN_COMMENT.search(comment))


def swallows_insert(statement: bytes) -> bool:
    """Return whether a line of *statement* is an INSERT: a quote or a semicolon is wrong in it."""
    return bool(_INSERT_LINE.search(statement))


def bare(statement: bytes, dialect: Dialect) -> bytes:
    """Return *statement* on one line, without comments, and its strings and names empty.

    What stands in MySQL's conditional comments is part of it.
    """
    return b" ".join(_noise(dialect).sub(_blank, statement).split())


@lru_cache
def _noise(dialect: Dialect) -> re.Pattern[bytes]:
    brackets = (rb"\[[^\]]*+\]",) if dialect.name == "sqlite" else ()
    strings = [string(each, dialect) for each in (b"'", b'"', b"`")]
    quoted = rb"|".join((*strings, *brackets))
    comments = rb"/\*M?!\d*|\*/|/\*.*?\*/|--[ \t][^\n]*"
    return re.compile(rb"(?P<quoted>%s)|%s" % (quoted, comments), re.DOTALL)


def _blank(found: re.Match[bytes]) -> bytes:
    quoted = found["quoted"]
    return quoted[:1] * 2 if quoted else b" "
