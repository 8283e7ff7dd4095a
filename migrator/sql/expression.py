"""Expressions and queries: whether they only compute and read, token by token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migrator.sql import known
from migrator.sql.statement import Finding, Kind
from migrator.sql.tokens import Sort, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.dialects.syntax import Syntax
    from migrator.sql.reader import Reader

_LOCKS = ("UPDATE", "SHARE", "NO", "KEY")
_COMPARING = frozenset(("=", "<>", "!=", "<", ">", "<=", ">="))
_CALM_SIGNS = _COMPARING | {"||", "(", ")", ",", "."}
_RESTLESS = known.WRITES | known.ACTS | {"SELECT", "LIKE", "ILIKE", "SIMILAR", "REGEXP", "RLIKE"}


def query(
    tokens: Sequence[Token], syntax: Syntax, label: str, *, runs: bool = True
) -> list[Finding]:
    """Return why the query *tokens* may do more than read.

    When it *runs* now, the functions that it calls have to be known to be harmless.
    """
    found = [_act(tokens, place, label) for place in range(len(tokens))]
    if runs:
        found += [_call(tokens, place, syntax) for place in range(len(tokens))]
    return [finding for finding in found if finding is not None]


def _act(tokens: Sequence[Token], place: int, label: str) -> Finding | None:
    """Return what the word at *place* does, if it does more than read."""
    token = tokens[place]
    after = tokens[place + 1] if place + 1 < len(tokens) else token
    if token.sort is Sort.WORD and follows(tokens, place, "."):
        return None
    kind, said, why = Kind.UNREADABLE, f"{label} … {token.value}", ""
    if token.is_sign(":="):
        why = "it sets a variable"
    elif token.is_word("FOR") and after.is_word(*_LOCKS):
        said, why = f"{label} FOR UPDATE", "it locks rows"
    elif token.is_word("NEXT") and after.is_word("VALUE"):
        said, why = "NEXT VALUE", "it advances a sequence"
    elif token.is_word(*known.WRITES) and not _is_no_write(tokens, place):
        kind, why = Kind.DATA, "it writes rows while it reads"
    elif token.is_word(*known.ACTS):
        why = f"what {token.value} does inside of it cannot be read"
    opaque = not token.is_word("FOR", "NEXT")
    return Finding(kind=kind, label=said, why=why, opaque=opaque) if why else None


def _is_no_write(tokens: Sequence[Token], place: int) -> bool:
    """Return whether the word at *place*, that often writes, is a function or locks rows."""
    if tokens[place].is_word("REPLACE"):
        return place + 1 < len(tokens) and calls(tokens[place + 1])
    return tokens[place].is_word("UPDATE") and place > 0 and tokens[place - 1].is_word("FOR", "KEY")


def _call(tokens: Sequence[Token], place: int, syntax: Syntax) -> Finding | None:
    """Return the call at *place* if its function is not known to be harmless."""
    token = tokens[place]
    if token.sort in (Sort.NUMBER, Sort.SIGN) or place + 1 == len(tokens):
        return None
    if not calls(tokens[place + 1]) or _is_harmless(tokens, place, syntax):
        return None
    why = f"what the function {token.text} does cannot be read"
    return Finding(kind=Kind.UNREADABLE, label=f"{token.value}()", why=why, opaque=True)


def _is_harmless(tokens: Sequence[Token], place: int, syntax: Syntax) -> bool:
    """Return whether what stands before the parenthesis at *place* + 1 is known to be harmless."""
    token = tokens[place]
    if follows(tokens, place, "."):
        schema = tokens[place - 2] if place > 1 else None
        catalogue = schema is not None and schema.value in ("PG_CATALOG", "pg_catalog")
        return catalogue and token.value in syntax.functions | known.FUNCTIONS
    if is_no_call(tokens, place):
        return True
    listed = known.FUNCTIONS | syntax.functions | syntax.types | syntax.volatile - {"NEXTVAL"}
    return token.sort is Sort.WORD and token.value in listed


def is_no_call(tokens: Sequence[Token], place: int) -> bool:
    """Return whether the name at *place*, that a parenthesis follows, is that of no function."""
    token = tokens[place]
    before = tokens[place - 1].value if place > 0 else ""
    if token.sort is not Sort.WORD:
        return before == "AS"
    known_after = known.AFTER.get(token.value, frozenset())
    return token.value in known.BEFORE_PARENTHESIS or before in known_after | {"AS"}


def total(tokens: Sequence[Token], syntax: Syntax) -> bool:
    """Return whether the expression *tokens* has a value whatever a row holds."""
    for place, token in enumerate(tokens):
        if token.sort is Sort.SIGN and token.value not in _CALM_SIGNS | syntax.total:
            return False
        if token.sort not in (Sort.WORD, Sort.NAME):
            continue
        called = place + 1 < len(tokens) and calls(tokens[place + 1])
        if called and not (token.value in known.TOTAL | syntax.total or is_no_call(tokens, place)):
            return False
        if token.is_word(*_RESTLESS):
            return False
    return True


_SHAPES = {
    "AND": "&",
    "OR": "&",
    "IN": "I",
    "BETWEEN": "B",
    "LIKE": "=",
    "NOT": "!",
    "TRUE": "l",
    "FALSE": "l",
}
_COMPARISON = r"\(*(?:T=l|l=T|T!?I\(l(?:,l)*\)|T!?Bl&l|T!=l|cZ)\)*".replace("T", r"(?:f\(c\)|c)")
_NULL_PASSES = re.compile(f"{_COMPARISON}(?:&{_COMPARISON})*")


def null_passes(tokens: Sequence[Token], reader: Reader) -> frozenset[str] | None:
    """Return the columns that, when all are NULL, make the check *tokens* pass.

    None when that cannot be read from it: of `a > 0 AND b IN (1, 2)` it can.
    """
    shape: list[str] = []
    columns: set[str] = set()
    place = 0
    while place < len(tokens):
        letter, taken = _shape(tokens, place)
        if letter == "c":
            columns.add(reader.kept(tokens[place]))
        shape.append(letter)
        place += taken
    return frozenset(columns) if _NULL_PASSES.fullmatch("".join(shape)) else None


def _shape(tokens: Sequence[Token], place: int) -> tuple[str, int]:
    """Return a letter for what stands at *place*, and how many tokens that takes."""
    token = tokens[place]
    after = tokens[place + 1] if place + 1 < len(tokens) else token
    if token.sort in (Sort.STRING, Sort.NUMBER):
        return "l", 1
    if token.sort is Sort.SIGN:
        return _shape_of_sign(token, after)
    if token.is_word("IS") and after.is_word("NULL"):
        return "Z", 2
    called = token.is_word(*known.STRICT) and calls(after)
    return ("f" if called else _SHAPES.get(token.value, "c") if _is_plain(token) else "c"), 1


def _is_plain(token: Token) -> bool:
    """Return whether *token* is a word without quotes."""
    return token.sort is Sort.WORD


def _shape_of_sign(token: Token, after: Token) -> tuple[str, int]:
    """Return a letter for a sign; a cast to a type leaves none, a minus is one with its number."""
    if token.value == "::" and after.sort is Sort.WORD:
        return "", 2
    if token.value == "-" and after.sort is Sort.NUMBER:
        return "l", 2
    return ("=" if token.value in _COMPARING else token.value), 1


def calls(token: Token | None) -> bool:
    """Return whether *token* is the parenthesis that opens the arguments of a call."""
    return token is not None and token.is_sign("(")


def follows(tokens: Sequence[Token], place: int, sign: str) -> bool:
    """Return whether the token at *place* comes right after *sign*."""
    return place > 0 and tokens[place - 1].is_sign(sign)
