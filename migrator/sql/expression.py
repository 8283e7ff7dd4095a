"""Expressions and queries: whether they only compute and read, token by token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql import known
from migrator.sql.statement import Finding, Kind
from migrator.sql.tokens import Sort, Token, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.dialects.syntax import Syntax
    from migrator.sql.reader import Reader

_LAYERS = 8
"""How many parentheses and casts around a default are looked through."""
_LOCKS = ("UPDATE", "SHARE", "NO", "KEY")
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
_MOMENTS = words("DATE DATETIME TIMESTAMP")
_NUMERIC = words(
    "BIGINT BOOL BOOLEAN DECIMAL DOUBLE FLOAT INT INTEGER MEDIUMINT NUMERIC REAL SMALLINT TINYINT"
)
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
    if token.sort is Sort.WORD and _follows(tokens, place, "."):
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
        return place + 1 < len(tokens) and _calls(tokens[place + 1])
    return tokens[place].is_word("UPDATE") and place > 0 and tokens[place - 1].is_word("FOR", "KEY")


def _call(tokens: Sequence[Token], place: int, syntax: Syntax) -> Finding | None:
    """Return the call at *place* if its function is not known to be harmless."""
    token = tokens[place]
    if token.sort in (Sort.NUMBER, Sort.SIGN) or place + 1 == len(tokens):
        return None
    if not _calls(tokens[place + 1]) or _is_harmless(tokens, place, syntax):
        return None
    why = f"what the function {token.text} does cannot be read"
    return Finding(kind=Kind.UNREADABLE, label=f"{token.value}()", why=why, opaque=True)


def _is_harmless(tokens: Sequence[Token], place: int, syntax: Syntax) -> bool:
    """Return whether what stands before the parenthesis at *place* + 1 is known to be harmless."""
    token = tokens[place]
    if _follows(tokens, place, "."):
        schema = tokens[place - 2] if place > 1 else None
        catalogue = schema is not None and schema.value in ("PG_CATALOG", "pg_catalog")
        return catalogue and token.value in syntax.functions | known.FUNCTIONS
    if token.sort is not Sort.WORD:
        return place > 0 and tokens[place - 1].is_word("AS")
    listed = known.FUNCTIONS | known.BEFORE_PARENTHESIS | syntax.functions | syntax.types
    if token.value in listed or (place > 0 and tokens[place - 1].is_word("AS")):
        return True
    return token.value in syntax.volatile - {"NEXTVAL"}


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
    return (len(core) == 1 and core[0].is_word("TRUE", "FALSE")) or _is_typed_literal(core, syntax)


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
    """Yield the places of words and names that are not the type of a cast."""
    for place, token in enumerate(tokens):
        if token.is_sign(":="):
            raise UnreadableText("a default sets a variable")
        if token.sort in (Sort.WORD, Sort.NAME) and not _is_type(tokens, place):
            yield place


def _is_type(tokens: Sequence[Token], place: int) -> bool:
    """Return whether the name at *place* is the type of a cast: ::mood or ::app.mood."""
    if _follows(tokens, place, "."):
        place -= 2
    if place + 1 < len(tokens) and tokens[place + 1].is_sign(".") and place + 2 < len(tokens):
        return _follows(tokens, place, "::")
    return place > 0 and _follows(tokens, place, "::")


def _default_word(tokens: Sequence[Token], place: int, syntax: Syntax) -> str:
    """Return what the word at *place* makes of a default."""
    token = tokens[place]
    called = place + 1 < len(tokens) and _calls(tokens[place + 1])
    if token.sort is Sort.NAME or _follows(tokens, place, "."):
        raise UnreadableText(f"a default refers to {token.text}")
    if called and token.value in syntax.volatile:
        return "volatile"
    listed = known.FUNCTIONS | syntax.functions if called else _CONSTANTS | syntax.types
    if token.value not in listed:
        raise UnreadableText(f"a default refers to {token.text}")
    surely = known.STABLE | known.TYPES | syntax.types | {"CAST"} if called else listed - {"NULL"}
    return "constant" if token.value in surely else "computed"


def total(tokens: Sequence[Token]) -> bool:
    """Return whether the expression *tokens* has a value whatever a row holds."""
    for place, token in enumerate(tokens):
        if token.sort is Sort.SIGN and token.value not in _CALM_SIGNS:
            return False
        if token.sort not in (Sort.WORD, Sort.NAME):
            continue
        called = place + 1 < len(tokens) and _calls(tokens[place + 1])
        if called and token.value not in known.TOTAL | known.BEFORE_PARENTHESIS:
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
    called = token.is_word(*known.STRICT) and _calls(after)
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


def _calls(token: Token | None) -> bool:
    """Return whether *token* is the parenthesis that opens the arguments of a call."""
    return token is not None and token.is_sign("(")


def _follows(tokens: Sequence[Token], place: int, sign: str) -> bool:
    """Return whether the token at *place* comes right after *sign*."""
    return place > 0 and tokens[place - 1].is_sign(sign)
