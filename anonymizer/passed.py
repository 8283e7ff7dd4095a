"""Passed: what of a schema passes unchanged and may hold data, as a comment or a default value.

It is for people to look at: statements are not taken apart to the last word, but what stands
in quotes in them is found.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGE_OBJECTS, STATISTICS, PASSWORDS = "large_objects", "statistics", "passwords"
KEEPABLE = (LARGE_OBJECTS, STATISTICS, PASSWORDS)
"""What holds data without a column: it is refused, unless somebody decides to keep it."""
COMMENT, DEFAULT, CODE = "comment", "default or constraint", "body of code"
LABEL, SETTING, ACCOUNT = "label", "setting", "account"

_TEXT = rb"'(?:[^'\\]|''|\\.)*'"
_TEXTS = re.compile(_TEXT, re.DOTALL)
_LEAD = re.compile(rb"(?:\s++|--[^\n]*+(?:\n|\Z)|/\*(?!M?!).*?\*/)*+", re.DOTALL)
_MARKS = re.compile(rb"/\*M?!\d*|\*/")
_BLANKS = re.compile(rb"\s+")
_NOBODYS = re.compile(
    rb"COMMENT ON (?:EXTENSION |SCHEMA public IS 'standard public schema')", re.IGNORECASE
)
_NO_TEXTS = re.compile(rb"%s::(?:pg_catalog\.)?regclass" % _TEXT, re.DOTALL)
"""The name of a sequence, in nextval('…'::regclass)."""
_OF_A_TABLE = re.compile(rb"\bCOMMENT\s*=?\s*(%s)" % _TEXT, re.IGNORECASE | re.DOTALL)
"""What MySQL writes behind a column or a table."""
_DEFINER = re.compile(rb"\bDEFINER\s*=\s*(\S+)", re.IGNORECASE)
_WORDS = r"(?:OR REPLACE|TEMP|TEMPORARY|MATERIALIZED|RECURSIVE|CONSTRAINT|AGGREGATE|EVENT)"
_DEFINED = r"(?:ALGORITHM ?= ?\S+|DEFINER ?= ?\S+|SQL SECURITY \S+)"
_SORTS = tuple(
    (sort, re.compile(pattern.encode(), re.IGNORECASE))
    for sort, pattern in (
        (COMMENT, r"COMMENT ON (?P<name>[A-Z ]+? \S+?) IS\b"),
        (LABEL, r"SECURITY LABEL (?:FOR \S+ )?ON (?P<name>[A-Z ]+? \S+?) IS\b"),
        (LABEL, r"(?:CREATE|ALTER) (?P<name>TYPE \S+?) (?:AS ENUM|ADD VALUE)\b"),
        (
            CODE,
            rf"CREATE (?:(?:{_WORDS}|{_DEFINED}) )*(?P<name>(?:FUNCTION|PROCEDURE|PACKAGE(?: BODY)?"
            r"|VIEW|TRIGGER|EVENT|RULE|POLICY) [^\s(]+)",
        ),
        (
            DEFAULT,
            r"(?:CREATE|ALTER) (?:[A-Z]+ )*?(?P<name>(?:TABLE|DOMAIN|INDEX)"
            r"(?: IF NOT EXISTS| ONLY)? [^\s(]+)",
        ),
        (SETTING, r"ALTER (?P<name>(?:DATABASE|ROLE|USER|SYSTEM) \S+) .*?\bSET\b"),
        (
            SETTING,
            r"(?:CREATE|ALTER) (?:[A-Z]+ )*?(?P<name>(?:SERVER|SUBSCRIPTION|PUBLICATION"
            r"|USER MAPPING FOR|FOREIGN DATA WRAPPER|COLLATION) \S+)",
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Something that passes unchanged."""

    what: str
    name: str
    """Of the object that it belongs to."""
    text: str = field(repr=False)
    """What may be data: for a look at it, and never to be shown."""


def to_keep(what: str) -> str:
    """Return how a hint says that *what* may be kept: the line to paste."""
    return f'keep them, with a reason in the policy: [keep] {what} = "why"'


def passed_in(statement: bytes) -> Iterator[Passed]:
    """Yield what passes unchanged with *statement*, of any database, and may hold data."""
    text = _MARKS.sub(b" ", statement[_end_of_lead(statement) :]).strip()
    line = _BLANKS.sub(b" ", text[:1000])
    if _NOBODYS.match(line):
        return
    for sort, pattern in _SORTS:
        if found := pattern.match(line):
            yield from _of(sort, _plain(found["name"]), text)
            return


def passed_of(sort: str, name: str, text: str | None) -> Iterator[Passed]:
    """Yield what *text*, SQL of a *sort* on the object *name*, holds in quotes."""
    if text:
        yield from _of_texts(sort, name, text.encode())


def summary(passed: Iterable[Passed]) -> str | None:
    """Return in one line how much of each sort passed, None when nothing did."""
    counts = Counter(each.what for each in passed)
    said = [f"{count} × {what}" for what, count in sorted(counts.items())]
    return f"passed unchanged, look at them: {', '.join(said)}" if said else None


def _of(sort: str, name: str, text: bytes) -> Iterator[Passed]:
    if definer := _DEFINER.search(text):
        yield Passed(what=ACCOUNT, name=name, text=_plain(definer[1]))
    if sort == DEFAULT:
        for comment in _OF_A_TABLE.finditer(text):
            yield Passed(what=COMMENT, name=name, text=_unquoted(comment[1]))
        text = _OF_A_TABLE.sub(b"", text)
    yield from _of_texts(sort, name, text)


def _of_texts(sort: str, name: str, text: bytes) -> Iterator[Passed]:
    texts = [_unquoted(each) for each in _TEXTS.findall(_NO_TEXTS.sub(b"", text))]
    if any(each.strip() for each in texts):
        yield Passed(what=sort, name=name, text="\n".join(texts))


def _end_of_lead(statement: bytes) -> int:
    found = _LEAD.match(statement)
    return found.end() if found else 0


def _unquoted(text: bytes) -> str:
    return text[1:-1].replace(b"''", b"'").decode("utf-8", "replace")


def _plain(name: bytes) -> str:
    return name.decode("utf-8", "replace").replace("`", "").replace('"', "")
