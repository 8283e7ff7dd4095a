"""A default: whether it is constant, may be NULL, or differs from row to row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql import known
from migrator.sql.expression import calls, follows
from migrator.sql.tokens import Sort, Token, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.dialects.syntax import Syntax

_LAYERS = 8
"""How many parentheses and casts around a default are looked through."""
_CONSTANTS = (
    known.TYPES
    | known.STABLE
    | words(
        """
    ARRAY AS AT CURRENT_USER DAY FALSE HOUR LOCAL MINUTE MONTH NULL SECOND SESSION_USER TRUE
    USER WITHOUT ZONE
    """
    )
)
"""Words that may stand in a default outside of calls."""
_BINARY = words("BINARY BIT BYTEA VARBINARY VARBIT")
_MOMENTS = words("DATE DATETIME TIMESTAMP")
_NUMERIC = words(
    "BIGINT BOOL BOOLEAN DECIMAL DOUBLE FLOAT INT INTEGER MEDIUMINT NUMERIC REAL SMALLINT TINYINT"
)


def default(tokens: Sequence[Token], syntax: Syntax, type_: Sequence[str]) -> str:
    """Return what the default *tokens* is: 'null', 'constant', 'computed' or 'volatile'.

    What is computed may be NULL, or fail when a row is inserted. Raises UnreadableText
    when it calls what is not known, or looks at another column.
    """
    if not tokens:
        raise UnreadableText("a default has no value")
    kinds = {_default_word(tokens, place, syntax) for place in _words(tokens)}
    if "volatile" in kinds:
        return "volatile"
    core = _core(tokens)
    if len(core) == 1 and core[0].is_word("NULL"):
        return "null" if core is tokens or len(tokens) == 1 else "computed"
    return (
        "constant"
        if "computed" not in kinds and _is_plain_value(core, syntax, type_)
        else "computed"
    )


def _core(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return *tokens* without parentheses around all of it and casts behind it, within reason."""
    for _ in range(_LAYERS):
        if len(tokens) > 1 and tokens[0].is_sign("(") and _closes(tokens) == len(tokens) - 1:
            tokens = tokens[1:-1]
        else:
            tokens = _without_casts(tokens)
    return tokens


def _without_casts(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return *tokens* up to the first cast that stands in no parentheses."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += token.is_sign("(", "[") - token.is_sign(")", "]")
        if token.is_sign("::") and depth == 0:
            return tokens[:place]
    return tokens


def _closes(tokens: Sequence[Token]) -> int:
    """Return where the parenthesis that *tokens* begin with is closed."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += token.is_sign("(") - token.is_sign(")")
        if depth == 0:
            return place
    return -1


def _is_plain_value(core: Sequence[Token], syntax: Syntax, type_: Sequence[str]) -> bool:
    """Return whether *core* is a literal, or the moment, that a column of the type surely takes."""
    if not core or core[0].is_sign("-", "+"):
        return len(core) == 2 and core[1].sort is Sort.NUMBER  # noqa: PLR2004 - sign and number
    if len(core) == 1 and core[0].sort in (Sort.NUMBER, Sort.STRING):
        return not syntax.late_defaults or _fits(core[0], type_)
    if core[0].is_word(*known.STABLE):
        return not syntax.late_defaults or bool(_MOMENTS.intersection(type_[:1]))
    plain = core[0].is_word("TRUE", "FALSE") and len(core) == 1
    return plain or _is_bits(core, type_) or _is_typed_literal(core, syntax)


def _is_bits(core: Sequence[Token], type_: Sequence[str]) -> bool:
    """Return whether *core* is b'0' or x'00', for a column that takes them."""
    return bool(
        core[0].is_word(*_BITS) and _is_string_at(core, 1) and _BINARY.intersection(type_[:1])
    )


def _is_typed_literal(core: Sequence[Token], syntax: Syntax) -> bool:
    """Return whether *core* is INTERVAL '1 day', CAST('x' AS text) or ARRAY[1]."""
    if syntax.late_defaults or not core[0].is_word(*known.TYPES, *syntax.types, "CAST"):
        return False
    return not any(
        token.sort is Sort.SIGN and token.value not in ("(", ")", "[", "]", ",", "::", ".")
        for token in core
    )


def _fits(literal: Token, type_: Sequence[str]) -> bool:
    """Return whether a column of the type takes *literal*: a number is no text of letters."""
    if literal.sort is Sort.NUMBER or not _NUMERIC.intersection(type_[:1]):
        return True
    return re.fullmatch(r"[-+]?\d+(\.\d*)?", literal.value.strip("'\"")) is not None


def _words(tokens: Sequence[Token]) -> Iterator[int]:
    """Yield the places of words and names that are not the type of a cast, nor part of b'0'."""
    for place, token in enumerate(tokens):
        if token.is_word(*_BITS) and _is_string_at(tokens, place + 1):
            continue
        if token.is_sign(":="):
            raise UnreadableText("a default sets a variable")
        if token.sort in (Sort.WORD, Sort.NAME) and not _is_type(tokens, place):
            yield place


_BITS = ("B", "X")
"""What stands before the quote of b'0' and x'00'."""


def _is_string_at(tokens: Sequence[Token], place: int) -> bool:
    return place < len(tokens) and tokens[place].sort is Sort.STRING


def _is_type(tokens: Sequence[Token], place: int) -> bool:
    """Return whether the name at *place* is the type of a cast: ::mood or ::app.mood."""
    if follows(tokens, place, "."):
        place -= 2
    if place + 1 < len(tokens) and tokens[place + 1].is_sign(".") and place + 2 < len(tokens):
        return follows(tokens, place, "::")
    return place > 0 and follows(tokens, place, "::")


def _default_word(tokens: Sequence[Token], place: int, syntax: Syntax) -> str:
    """Return what the word at *place* makes of a default."""
    token = tokens[place]
    called = place + 1 < len(tokens) and calls(tokens[place + 1])
    if token.sort is Sort.NAME or follows(tokens, place, "."):
        raise UnreadableText(f"a default refers to {token.text}")
    if called and token.value in syntax.volatile:
        return "volatile"
    listed = known.FUNCTIONS | syntax.functions if called else _CONSTANTS | syntax.types
    if token.value not in listed:
        raise UnreadableText(f"a default refers to {token.text}")
    surely = known.STABLE | known.TYPES | syntax.types | {"CAST"} if called else listed - {"NULL"}
    return "constant" if token.value in surely else "computed"
