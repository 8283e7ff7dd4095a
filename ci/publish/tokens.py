"""Tokens: a statement cut where its database cuts it; without doubt, or not at all.

By a reader of our own that knows six sorts of tokens: sqlglot and sqlparse are made to
understand much, and take for a comment, or for a name, what a server takes for something else.
Where a setting of the session decides, the text is refused.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\n\r\f]+")
_UNUSUAL = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")
_WORD = re.compile(r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*")
_NUMBER = re.compile(r"(?:\d|\.\d)(?:[eE][-+](?=\d)|[\w.$\x80-\U0010ffff])*")
_DOLLAR = re.compile(r"\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$")
_POSITION = re.compile(r"\$\d+", re.ASCII)
_PARAMETER = re.compile(r"%\(\w{1,80}\)s|%s\b|(?<!:):[A-Za-z_]\w*", re.ASCII)
"""As drivers and SQLAlchemy write them."""
_LINE = re.compile(r"[^\r\n]*")
_COMMENT = re.compile(r"/\*|\*/")
_SIGN = re.compile(r"::|:=|\|\||<=>|<>|!=|<=|>=|->>|->|=>|@>|<@|@@|[-+*/%<>=!~@&|^?:.,()\[\];{}]")
_PREFIXES = frozenset({"b", "n", "x"})


class UnreadableText(Exception):  # noqa: N818 - it is caught here, and never reaches a user
    """It is in doubt where a token ends."""


class Sort(Enum):
    """What a token is."""

    WORD = "word"
    NAME = "quoted name"
    LITERAL = "literal"
    SIGN = "sign"


class Token(NamedTuple):
    """One token; a name without its quotes."""

    sort: Sort
    text: str


LITERAL = Token(Sort.LITERAL, "?")


class Syntax(NamedTuple):
    """How a database reads quotes and comments."""

    names: dict[str, str]
    """What opens a quoted name → what closes it."""
    strings: str = "'"
    postgresql: bool = False
    """There are $tag$…$tag$, E'…' and U&'…'."""
    hashes: bool = False
    nested: bool = False
    spaced_dashes: bool = False
    """`--` begins a comment only before a space."""


SYNTAXES = {
    Engine.POSTGRESQL: Syntax(names={'"': '"'}, postgresql=True, nested=True),
    Engine.MARIADB: Syntax(names={"`": "`"}, strings="'\"", hashes=True, spaced_dashes=True),
    Engine.SQLITE: Syntax(names={'"': '"', "`": "`", "[": "]"}),
}


def tokens(text: str, engine: Engine) -> Iterator[Token]:
    """Yield the tokens of *text*, without comments; raises UnreadableText where one is in doubt."""
    if _UNUSUAL.search(text):
        raise UnreadableText
    syntax = SYNTAXES[engine]
    at = 0
    while at < len(text):
        after = _blank(text, at, syntax)
        if after == at:
            token, after = _token(text, at, syntax)
            yield token
        at = after


def _blank(text: str, at: int, syntax: Syntax) -> int:
    """Return where the space or comment at *at* ends; *at* itself when there is none."""
    if text.startswith("/*", at):
        return _comment_end(text, at, nested=syntax.nested)
    pattern = _LINE if _is_comment(text, at, syntax) else _SPACE
    found = pattern.match(text, at)
    return found.end() if found else at


def _is_comment(text: str, at: int, syntax: Syntax) -> bool:
    """Return whether a comment that runs to the end of the line begins at *at*."""
    if text.startswith("--", at):
        return not syntax.spaced_dashes or bool(_SPACE.match(f"{text[at + 2 : at + 3]} "))
    return syntax.hashes and text[at] == "#"


def _comment_end(text: str, at: int, *, nested: bool) -> int:
    if text.startswith(("!", "M!", "+"), at + 2):
        raise UnreadableText  # a server runs what is in it
    depth = 1
    for found in _COMMENT.finditer(text, at + 2):
        if found.group() == "/*":
            depth += nested
        else:
            depth -= 1
        if not depth:
            return found.end()
    raise UnreadableText


def _token(text: str, at: int, syntax: Syntax) -> tuple[Token, int]:
    """Return the token at *at*, and where it ends."""
    letter = text[at]
    if letter in syntax.names:
        end = _quoted_end(text, at, syntax.names[letter])
        return Token(Sort.NAME, text[at + 1 : end - 1]), end
    if (end := _literal_end(text, at, syntax)) > at:
        return LITERAL, end
    if found := _WORD.match(text, at):
        return _word(text, at, found.end(), syntax)
    if found := _SIGN.match(text, at):
        return Token(Sort.SIGN, found.group()), found.end()
    raise UnreadableText


def _literal_end(text: str, at: int, syntax: Syntax) -> int:
    """Return where the literal or parameter at *at* ends; *at* itself when there is none."""
    if text[at] in syntax.strings:
        return _string_end(text, at)
    if text[at] == "$" and syntax.postgresql:
        return _dollar_end(text, at)
    found = _NUMBER.match(text, at) or _PARAMETER.match(text, at)
    return found.end() if found else at


def _word(text: str, at: int, end: int, syntax: Syntax) -> tuple[Token, int]:
    """Return a word, or the literal that it is the prefix of."""
    word = text[at:end].lower()
    if word == "u" and syntax.postgresql and text.startswith(("&'", '&"'), end):
        # Its escapes may spell anything, and end nothing: a quote is doubled as ever.
        end = _quoted_end(text, end + 1, text[end + 1])
        return (Token(Sort.NAME, "") if text[end - 1] == '"' else LITERAL), end
    if end < len(text) and text[end] in syntax.strings:
        if word == "e" and syntax.postgresql:
            return LITERAL, _escaped_end(text, end, text[end])
        if word in _PREFIXES or word.startswith("_"):
            return LITERAL, _string_end(text, end)
    return Token(Sort.WORD, text[at:end]), end


def _string_end(text: str, at: int) -> int:
    """Return where a string ends; refuse one whose end depends on a setting of the server."""
    end = _quoted_end(text, at, text[at])
    if "\\" in text[at:end] and end != _escaped_end(text, at, text[at]):
        raise UnreadableText
    return end


def _quoted_end(text: str, at: int, closing: str) -> int:
    """Return where what is quoted ends, when only a doubled quote is an escape."""
    shut = re.escape(closing)
    again = rf"(?!{shut})" if closing != "]" else ""
    doubled = rf"|{shut}{shut}" if closing != "]" else ""
    found = re.compile(rf"(?:[^{shut}]{doubled})*+{shut}{again}").match(text, at + 1)
    if not found:
        raise UnreadableText
    return found.end()


def _escaped_end(text: str, at: int, quote: str) -> int:
    """Return where what is quoted ends, when a backslash is an escape as well."""
    found = re.compile(rf"(?:[^{quote}\\]|\\.|{quote}{quote})*+{quote}", re.DOTALL).match(
        text, at + 1
    )
    if not found:
        raise UnreadableText
    return found.end()


def _dollar_end(text: str, at: int) -> int:
    """Return where the string in dollar quotes, or the parameter, ends."""
    if found := _POSITION.match(text, at):
        return found.end()
    opening = _DOLLAR.match(text, at)
    end = text.find(opening.group(), opening.end()) if opening else -1
    if opening is None or end < 0:
        raise UnreadableText
    return end + len(opening.group())
