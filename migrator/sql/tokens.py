"""Tokens: SQL cut into words exactly where the server cuts it, or not at all."""

from __future__ import annotations

import re
import string
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.dialects.syntax import Syntax

_SPACE = re.compile(r"[ \t\n\r\f]+")
_UNUSUAL = re.compile("[\0\ud800-\udfff]")
_PLAIN = re.compile(r"[ \t\n\r\f]*+(?:([^\W\d][\w$]*)|([(),;]))")
"""A word or a sign, after space: most of any text."""
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_SIGN = re.compile(
    r"::|:=|\|\||<=>|<>|!=|<=|>=|->>|->|=>|[-+*/%<>=!~@&|^?:.,()\[\];#]",
)
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_PARAMETER = re.compile(r"\$\d+", re.ASCII)
_COMMENT = re.compile(r"/\*|\*/")
_CAPITALS = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class UnreadableText(Exception):  # noqa: N818 - it is caught here, and never reaches a user
    """The text cannot be cut into tokens without doubt, or is not what a grammar expects."""


class Sort(Enum):
    """What a token is."""

    WORD = "word"
    NAME = "quoted name"
    STRING = "string"
    NUMBER = "number"
    SIGN = "sign"


class Token(NamedTuple):
    """One token: a word in capitals, a name without its quotes, a string as it is written."""

    sort: Sort
    value: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Return where the token ends."""
        return self.start + len(self.text)

    def is_sign(self, *signs: str) -> bool:
        """Return whether the token is one of *signs*."""
        return self.sort is Sort.SIGN and self.value in signs

    def is_word(self, *words: str) -> bool:
        """Return whether the token is one of *words*, given in capitals, without quotes."""
        return self.sort is Sort.WORD and self.value in words


def capitals(word: str) -> str:
    """Return *word* in capitals; letters outside ASCII stay, as no server folds them."""
    return word.translate(_CAPITALS)


def small(word: str) -> str:
    """Return *word* in small letters; letters outside ASCII stay, as no server folds them."""
    return word.translate(_SMALL)


def tokens(text: str, syntax: Syntax) -> Iterator[Token]:
    """Yield the tokens of *text* without its comments.

    Raises UnreadableText where another server's settings, an unusual character or an
    executable comment make it doubtful where a token ends.
    """
    _refuse_unusual(text)
    at, end = 0, len(text)
    while at < end:
        if found := _PLAIN.match(text, at):
            token = _plain_token(found, syntax)
        elif (after := _blank(text, at, syntax)) > at:
            at = after
            continue
        else:
            token = _token(text, at, syntax)
        yield token
        at = token.start + len(token.text)


def _refuse_unusual(text: str) -> None:
    """Refuse what servers and drivers cut off or cannot be sent."""
    if found := _UNUSUAL.search(text):
        what = "a NUL" if found.group() == "\0" else "half a character"
        raise UnreadableText(f"it contains {what}")


def _blank(text: str, at: int, syntax: Syntax) -> int:
    """Return where the space or comment at *at* ends; *at* itself when there is none."""
    if found := _SPACE.match(text, at):
        return found.end()
    if text.startswith("/*", at):
        return _comment_end(text, at, syntax)
    return _line_end(text, at, syntax) if _is_comment(text, at, syntax) else at


def _is_comment(text: str, at: int, syntax: Syntax) -> bool:
    """Return whether a comment that runs to the end of the line begins at *at*."""
    if text[at] == "#":
        return syntax.hash_comments
    if not text.startswith("--", at):
        return False
    after = text[at + 2 : at + 3]
    return not syntax.spaced_dashes or after <= " " or after == "\x7f"


def _line_end(text: str, at: int, syntax: Syntax) -> int:
    """Return where the line that *at* is on ends."""
    ends = [end for each in syntax.line_ends if (end := text.find(each, at)) >= 0]
    return min(ends, default=len(text))


def _comment_end(text: str, at: int, syntax: Syntax) -> int:
    """Return where the comment in /* */ at *at* ends."""
    if syntax.executable_comments and text.startswith(("!", "M!", "+"), at + 2):
        raise UnreadableText("it contains a comment that the server runs: /*! … */ or /*+ … */")
    depth = 1
    for found in _COMMENT.finditer(text, at + 2):
        if found.group() == "*/":
            depth -= 1
        elif syntax.nested_comments:
            depth += 1
        if depth == 0:
            return found.end()
    raise UnreadableText("it contains a comment that does not end")


def _token(text: str, at: int, syntax: Syntax) -> Token:
    """Return the token at *at*, one that is not plain."""
    letter = text[at]
    if letter in syntax.quotes:
        return _quoted(text, at, syntax.quotes[letter])
    if letter in syntax.strings:
        return _string(text, at, at, syntax)
    if letter == "$" and syntax.dollar_quotes:
        return _dollar(text, at)
    return _number_or_sign(text, at)


def _plain_token(found: re.Match[str], syntax: Syntax) -> Token:
    """Return what _PLAIN has *found*; a word may be the prefix of a string."""
    if sign := found[2]:
        return Token(Sort.SIGN, sign, sign, found.start(2))
    return _word(found.string, found.start(1), found.end(), syntax)


def _number_or_sign(text: str, at: int) -> Token:
    """Return the number or sign that begins at *at*."""
    if found := _NUMBER.match(text, at):
        return _number(text, at, found.end())
    if found := _SIGN.match(text, at):
        return Token(Sort.SIGN, found.group(), found.group(), at)
    raise UnreadableText(f"it contains {text[at]!r} outside of quotes")


def _word(text: str, at: int, end: int, syntax: Syntax) -> Token:
    """Return a word, or the string whose prefix it is."""
    written = text[at:end]
    word = capitals(written)
    if syntax.escape_strings and word == "U" and text.startswith(("&'", '&"'), end):
        raise UnreadableText("it contains U& escapes")
    if syntax.escape_strings and word == "E" and text.startswith("'", end):
        return _string(text, at, end, syntax, escapes=True)
    return Token(Sort.WORD, word, written, at)


def _quoted(text: str, at: int, closing: str) -> Token:
    """Return the quoted name at *at*; its closing quote may be doubled, a bracket may not."""
    end = _plain_end(text, at, closing) if closing != "]" else text.find("]", at) + 1
    if end <= at:
        raise UnreadableText("it contains a quoted name that does not end")
    name = text[at + 1 : end - 1]
    if not name:
        raise UnreadableText("it contains an empty name")
    return Token(Sort.NAME, name.replace(closing * 2, closing), text[at:end], at)


def _string(text: str, at: int, quote: int, syntax: Syntax, *, escapes: bool = False) -> Token:
    """Return the string whose quote is at *quote*; refuse it where a setting moves its end."""
    letter = text[quote]
    end = _escaped_end(text, quote, letter) if escapes else _plain_end(text, quote, letter)
    if syntax.backslashes and not escapes and end != _escaped_end(text, quote, letter):
        raise UnreadableText("it contains a string whose end depends on a setting of the server")
    if end < 0:
        raise UnreadableText("it contains a string that does not end")
    return Token(Sort.STRING, text[at:end], text[at:end], at)


def _plain_end(text: str, at: int, quote: str) -> int:
    """Return the end of what *quote* opens at *at*, when only a doubled quote is an escape."""
    found = _plain(quote).match(text, at)
    return found.end() if found else -1


def _escaped_end(text: str, at: int, quote: str) -> int:
    """Return the end of what *quote* opens at *at*, when a backslash is an escape as well."""
    found = _escaped(quote).match(text, at)
    return found.end() if found else -1


@cache
def _plain(quote: str) -> re.Pattern[str]:
    """Return the pattern of a string without backslash escapes; it never goes back."""
    return re.compile("Q[^Q]*+(?:QQ[^Q]*+)*+Q(?!Q)".replace("Q", quote))


@cache
def _escaped(quote: str) -> re.Pattern[str]:
    """Return the pattern of a string with backslash escapes; it never goes back."""
    return re.compile(r"Q(?:[^Q\\]++|\\.|QQ)*+Q".replace("Q", quote), re.DOTALL)


def _dollar(text: str, at: int) -> Token:
    """Return the string in dollar quotes, or the parameter, at *at*."""
    if found := _PARAMETER.match(text, at):
        return _number(text, at, found.end())
    opening = _DOLLAR.match(text, at)
    end = text.find(opening.group(), opening.end()) if opening else -1
    if not opening or end < 0:
        raise UnreadableText("it contains a dollar quote that does not end")
    end += len(opening.group())
    return Token(Sort.STRING, text[at:end], text[at:end], at)


def _number(text: str, at: int, end: int) -> Token:
    """Return a number; servers differ in what they make of letters that touch it."""
    if re.match(r"[\w$]", text[end : end + 1]):
        raise UnreadableText("it contains a number that runs into a word")
    return Token(Sort.NUMBER, text[at:end], text[at:end], at)
