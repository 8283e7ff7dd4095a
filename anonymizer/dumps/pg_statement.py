"""Statements that pg_dump writes: which pass as they are, and which may hold data.

What is not known is refused: a new kind of statement must not carry rows past the masks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anonymizer.column import TableName
from anonymizer.dumps.pg_split import tokens
from anonymizer.passed import LARGE_OBJECTS, PASSWORDS, STATISTICS, to_keep

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

NAME = rb'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\xff][\w$\x80-\xff]*)'
_LEAD = re.compile(rb"(?:\s++|--[^\n]*+(?:\n|\Z)|/\*.*?\*/)*+", re.DOTALL)
_EACH_NAME = re.compile(NAME)
TABLE = rb"(?:%b\s*\.\s*)?%b" % (NAME, NAME)
_PARTS = re.compile(rb"(?:(%b)\s*\.\s*)?(%b)" % (NAME, NAME))
_COPY = re.compile(
    rb"COPY\s+(?P<table>%b)\s*(?:\((?P<columns>\s*%b(?:\s*,\s*%b)*\s*)\)\s*)?FROM\s+stdin\s*;"
    % (TABLE, NAME, NAME),
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    rb"""(?:
    SET | RESET | CREATE | ALTER | DROP | GRANT | REVOKE | BEGIN | COMMIT | START\s+TRANSACTION
    | COMMENT\s+ON | SECURITY\s+LABEL | REFRESH\s+MATERIALIZED\s+VIEW | TRUNCATE\s+TABLE
    | UPDATE\s+pg_catalog\.pg_\w+
    | SELECT\s+(?:\*\s+FROM\s+)?pg_catalog\.
      (?:set_config|setval|pg_restore_relation_stats|pg_clear_relation_stats)\s*(?=\()
    )(?=[\s;(])""",
    re.IGNORECASE | re.VERBOSE,
)
_COMMANDS = re.compile(rb"\\(?:connect|restrict|unrestrict)\s")
_INSERT = re.compile(rb"INSERT\s+INTO\s", re.IGNORECASE)
_CREATE_TABLE = re.compile(rb"CREATE\s+(?:[A-Z]+\s+)*?TABLE\s", re.IGNORECASE)
_ENCODING = re.compile(rb"SET\s+client_encoding\s*(?:=|TO)\s*'?([\w-]*)", re.IGNORECASE)
_ESCAPES = re.compile(rb"SET\s+standard_conforming_strings\s*(?:=|TO)\s*'?(\w+)", re.IGNORECASE)
_SEARCH_PATH = re.compile(rb"SET\s+search_path\s*=\s*(%b)\s*[,;]" % NAME, re.IGNORECASE)
_READ_ENCODINGS = {b"UTF8", b"UTF-8", b"UNICODE", b"SQL_ASCII"}
_WORDS = re.compile(
    rb"(?:CALL|COPY|DELETE|DO|EXECUTE|INSERT|LOCK|MERGE|PREPARE|SELECT|TABLE|TRUNCATE|UPDATE"
    rb"|VALUES|WITH)(?=\W)",
    re.IGNORECASE,
)
"""Words that an error may say; another might be a value."""


_ROWS_BEGIN = re.compile(
    rb"^(?:INSERT\s+INTO\b|COPY\b[^\n]*\bFROM\s+stdin;)", re.IGNORECASE | re.MULTILINE
)
_ROWS = re.compile(rb"^COPY\b[^\n]*\bFROM\s+stdin;\n(?:.*\n)?\\\.$", re.MULTILINE | re.DOTALL)
_QUOTES = {"string", "escaped", "name", "dollar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a statement does not pass, and what to do about it."""

    problem: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holder:
    """Statements that hold data, and the word that lets them pass."""

    pattern: re.Pattern[bytes]
    what: str
    refusal: Refusal


LARGE_OBJECTS_REFUSED = Refusal(
    problem="large objects hold data that no mask reads",
    hint=f"dump without them (pg_dump --no-blobs), or {to_keep(LARGE_OBJECTS)}",
)
_LOGIN = r"\bOPTIONS\s*\(.*(?:pass|secret|token|credential|private|key\b|\bpwd|://[^'\s/]*@)"
"""Options by whose names or values one gets in somewhere."""
_HOLDERS = (
    _Holder(
        pattern=re.compile(rb"SELECT\s+pg_catalog\.(?:lo_\w+|lowrite|loread)\s*\(", re.IGNORECASE),
        what=LARGE_OBJECTS,
        refusal=LARGE_OBJECTS_REFUSED,
    ),
    _Holder(
        pattern=re.compile(
            rb"SELECT\s+(?:\*\s+FROM\s+)?pg_catalog\.pg_restore_(?!relation_stats)\w+\s*\(",
            re.IGNORECASE,
        ),
        what=STATISTICS,
        refusal=Refusal(
            problem="statistics hold the most common values of columns",
            hint="dump without them (pg_dump --no-statistics), and ANALYZE after the restore; or "
            + to_keep(STATISTICS),
        ),
    ),
    *(
        _Holder(
            pattern=re.compile(
                rb"(?:CREATE|ALTER)\s+(?:%b)" % pattern.encode(), re.IGNORECASE | re.DOTALL
            ),
            what=PASSWORDS,
            refusal=Refusal(problem=problem, hint=f"{cure}, or {to_keep(PASSWORDS)}"),
        )
        for pattern, problem, cure in (
            (
                rf"USER\s+MAPPING\s.*\bOPTIONS\b|(?:SERVER|FOREIGN\s+TABLE)\s.*{_LOGIN}",
                "the options for a foreign server may hold a password",
                "drop them in a copy of the database and dump that",
            ),
            (
                r"SUBSCRIPTION\s.*\bCONNECTION\b",
                "the connection of a subscription may hold a password",
                "dump without them (pg_dump --no-subscriptions)",
            ),
            (
                r"(?:ROLE|USER|GROUP)\s.*\bpassword[\"\s]*(?:'|=)",
                "a password, or the hash of one, is in a statement",
                "dump without them (pg_dumpall --no-role-passwords)",
            ),
        )
    ),
)


_SWALLOWED = Refusal(
    problem="rows stand in a statement: a quote or a semicolon before them is wrong",
    hint="the dump is damaged: copy it or make it again",
)
_ENCODING_REFUSED = Refusal(
    problem="the dump is not in UTF-8, which masks write",
    hint="dump with pg_dump --encoding=UTF8",
)


def refusal_of(statement: bytes, keep: AbstractSet[str]) -> Refusal | None:
    """Return why *statement* may not pass as it is, None when it may; *keep* is of KEEPABLE."""
    text = statement[_end_of_lead(statement) :]
    for holder in _HOLDERS:
        if holder.pattern.match(text):
            return None if holder.what in keep else holder.refusal
    if encoding := _ENCODING.match(text):
        return None if encoding[1].upper() in _READ_ENCODINGS else _ENCODING_REFUSED
    if not _is_harmless(text):
        return _unknown(text)
    return _SWALLOWED if _swallows_rows(text) else None


def copied(statement: bytes, schema: str | None = None) -> tuple[TableName, tuple[str, ...]] | None:
    """Return table and columns of a COPY … FROM stdin; None when *statement* is something else.

    The table is in *schema* when it says none.
    """
    match = _COPY.match(statement, _end_of_lead(statement))
    if not match:
        return None
    columns = _EACH_NAME.findall(match["columns"] or b"")
    return table_named(match["table"], schema), tuple(map(name_of, columns))


def default_schema(statement: bytes) -> str | None:
    """Return the schema that *statement*, of a pg_dump before 10.3, means where none is said."""
    match = _SEARCH_PATH.match(statement)
    return name_of(match[1]) if match else None


def is_insert(statement: bytes) -> bool:
    """Return whether *statement* is an INSERT."""
    return _INSERT.match(statement) is not None


def turns_escapes(statement: bytes) -> bool | None:
    """Return what *statement* says of backslashes in plain strings, None when it says nothing."""
    match = _ESCAPES.match(statement)
    return match[1].lower() in (b"off", b"false", b"no", b"0") if match else None


def table_named(text: bytes, schema: str | None = None) -> TableName:
    """Return the table that is written as *text*, in *schema* where it says none."""
    match = _PARTS.match(text)
    said, name = match.groups() if match else (None, text)
    return TableName(name_of(said) if said else schema, name_of(name))


def name_of(text: bytes) -> str:
    """Return the name that is written as *text*: without quotes, folded when it has none."""
    if text[:1] == b'"':
        return text[1:-1].replace(b'""', b'"').decode("utf-8", "surrogateescape")
    return text.decode("utf-8", "surrogateescape").lower()


def _end_of_lead(statement: bytes) -> int:
    match = _LEAD.match(statement)
    return match.end() if match else 0


def _is_harmless(text: bytes) -> bool:
    if not text.strip(b" \t\r\n;") or _COMMANDS.match(text):
        return True
    return _HARMLESS.match(text) is not None and not _is_filled_table(text)


def _is_filled_table(text: bytes) -> bool:
    """Return whether *text* is a CREATE TABLE … AS."""
    if not _CREATE_TABLE.match(text):
        return False
    depth = 0
    for kind, start, end in tokens(text, 0):
        depth += (kind == "open") - (kind == "close")
        if not depth and kind == "word" and text[start:end].upper() == b"AS":
            return True
    return False


def _swallows_rows(text: bytes) -> bool:
    """Return whether rows stand in *text*: a comment or a default may only quote how they begin."""
    if not _ROWS_BEGIN.search(text):
        return False
    outside, last = bytearray(), 0
    for kind, start, end in tokens(text, 0):
        if kind in _QUOTES:
            # Behind what a wrong quote begins, there is what should stand between two.
            if text[end : end + 1].isalnum() or (
                kind == "dollar" and _ROWS.search(text, start, end)
            ):
                return True
            outside += text[last:start] + b"?"
            last = end
    outside += text[last:]
    return _ROWS_BEGIN.search(outside) is not None


def _unknown(text: bytes) -> Refusal:
    word = _WORDS.match(text)
    said = f"this {word[0].decode().upper()}" if word else "a statement that is not known"
    if text.startswith(b"\\"):
        said = "a command of psql that no dump has"
    return Refusal(
        problem=f"{said} could hold data",
        hint="what pg_dump and pg_dumpall write is read: make the dump with them",
    )
