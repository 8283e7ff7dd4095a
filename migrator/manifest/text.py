"""The text of a manifest: JSON, read so that every key knows its line."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 2

_SPACE = re.compile(r"[ \t\n\r]*")
_MARKER = re.compile(r"^(?:<{7,}|\|{7,}|={7,}|>{7,})(?: |\r?$)", re.MULTILINE)
_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One key of an object, its value, and where it stands."""

    key: str
    value: object
    line: int
    at: int
    """Offset of the value in the text."""


class Pairs(tuple[tuple[str, object], ...]):
    """An object of JSON as it is written, with the keys that occur twice."""

    __slots__ = ()


def decode(content: bytes) -> str:
    """Return the text of a manifest, or raise ManifestError when it is too large or not UTF-8."""
    if len(content) > MAX_BYTES:
        raise ManifestError(f"the manifest is larger than {MAX_BYTES} bytes")
    if content.startswith(codecs.BOM_UTF8):
        raise ManifestError("the manifest begins with a byte order mark", line=1)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ManifestError("the manifest is not UTF-8", line=line) from error


def parse(text: str) -> tuple[Member, ...]:
    """Return the members of the object that *text* is, in their order; a key may occur twice."""
    refuse_markers(text)
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from error
    except RecursionError as error:
        raise ManifestError("nested too deeply", line=_too_deep(text)) from error
    if not isinstance(document, Pairs):
        raise ManifestError(f"the manifest is {kind_of(document)}, expected an object", line=1)
    return tuple(members(text))


def refuse_markers(text: str) -> None:
    """Raise ManifestError when git has left the markers of a conflict in *text*."""
    found = _MARKER.search(text)
    if found:
        raise ManifestError(
            "a merge conflict of git is not resolved",
            line=text.count("\n", 0, found.start()) + 1,
            hint="run: migrator renumber",
        )


def members(text: str, at: int = 0) -> Iterator[Member]:
    """Yield the members of the object at offset *at* of *text*, which has been parsed before."""
    at = _skip(text, _skip(text, at) + 1)
    line, counted = text.count("\n", 0, at) + 1, at
    while text[at] != "}":
        line, counted = line + text.count("\n", counted, at), at
        key, end = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, end) + 1)
        value, end = _DECODER.raw_decode(text, start)
        yield Member(key=key, value=value, line=line, at=start)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def kind_of(value: object) -> str:
    """Return what JSON calls *value*, for a message."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    names: Sequence[tuple[type, str]] = (
        (str, "a text"),
        (Pairs, "an object"),
        (list, "a list"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "a number")


def _not_json(text: str, error: json.JSONDecodeError) -> ManifestError:
    """Return the error for *text*, at a comma too many if that is what is before the place."""
    # Python 3.13 points at the comma, an older one at the bracket behind it.
    comma = text.rfind(",", 0, error.pos + 1)
    between, behind = text[comma + 1 : error.pos], text[comma + 1 :].lstrip()
    if comma >= 0 and not between.strip() and behind.startswith(("}", "]")):
        line = text.count("\n", 0, comma) + 1
        return ManifestError("not JSON: a comma before the end", line=line, hint="delete the comma")
    return ManifestError(
        f"not JSON: {error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}",
        line=error.lineno,
    )


def _skip(text: str, at: int) -> int:
    """Return the offset of the first character from *at* that is not white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _too_deep(text: str) -> int:
    """Return the line of the first bracket that is nested more than MAX_DEPTH deep."""
    depth, quoted, line, escaped = 0, False, 1, False
    for character in text:
        line += character == "\n"
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
            continue
        quoted = character == '"'
        depth += (character in "[{") - (character in "]}")
        if depth > MAX_DEPTH:
            break
    return line


def _number(digits: str) -> int | float:
    """Return the number, or infinity for one that no version can have."""
    return int(digits) if len(digits) <= _DIGITS else float("inf")


_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=_number)
