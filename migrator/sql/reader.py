"""A reader: tokens taken one after the other, by a grammar that says what it expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.sql.tokens import Sort, Token, UnreadableText, small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.dialects import Dialect

Name = tuple[str | None, str]
"""Schema, where one is named, and name."""

HIDING = frozenset({"pg_temp", "temp"})
"""Schemas whose tables hide those of the same name."""

_END = Token(Sort.SIGN, "", "", 0)


class Reader:
    """Takes tokens; every method that finds something else than it expects leaves them or raises.

    It knows no grammar. What remains when a grammar is done is refused by `finish`.
    """

    def __init__(self, tokens: Sequence[Token], dialect: Dialect) -> None:
        self._tokens = tokens
        self._at = 0
        self.dialect = dialect

    @property
    def done(self) -> bool:
        """Return whether every token is taken."""
        return self._at >= len(self._tokens)

    @property
    def left(self) -> int:
        """Return how many tokens are left."""
        return len(self._tokens) - self._at

    def peek(self, ahead: int = 0) -> Token:
        """Return the next token, or the one *ahead* of it; an empty sign after the last."""
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else _END

    def take(self) -> Token:
        """Take the next token, whatever it is."""
        token = self.peek()
        self._at += 1
        return token

    def words(self, *words: str) -> bool:
        """Take *words* if exactly these follow, one after the other."""
        if not all(self.peek(place).is_word(word) for place, word in enumerate(words)):
            return False
        self._at += len(words)
        return True

    def word(self, *options: str) -> str:
        """Take the next word if it is one of *options*, and return it, else ''."""
        return self.take().value if self.peek().is_word(*options) else ""

    def sign(self, *options: str) -> str:
        """Take the next sign if it is one of *options*, and return it, else ''."""
        return self.take().value if self.peek().is_sign(*options) else ""

    def literal(self) -> bool:
        """Take a string, or a number with its sign, if one follows."""
        ahead = 1 if self.peek().is_sign("-", "+") else 0
        sort = self.peek(ahead).sort
        if sort is Sort.NUMBER or (sort is Sort.STRING and not ahead):
            self._at += ahead + 1
            return True
        return False

    def string(self) -> str:
        """Take a string as it is written."""
        if self.peek().sort is not Sort.STRING:
            raise UnreadableText(f"{self.found()} stands where a string is expected")
        return self.take().value

    def name(self) -> str:
        """Take a name, as the database keeps it."""
        token = self.peek()
        if token.sort not in (Sort.WORD, Sort.NAME):
            raise UnreadableText(f"{self.found()} stands where a name is expected")
        self._at += 1
        return self.kept(token)

    def kept(self, token: Token) -> str:
        """Return the name *token* as the database keeps it: folded and cut off where it does so."""
        syntax = self.dialect.syntax
        name = token.value if token.sort is Sort.NAME else token.text
        if syntax.folds and token.sort is Sort.WORD:
            name = small(name)
        if syntax.name_bytes is None:
            return name
        return name.encode()[: syntax.name_bytes].decode(errors="ignore")

    def qualified(self) -> Name:
        """Take a name and the schema before it, if there is one."""
        first = self.name()
        if not self.sign("."):
            return None, first
        second = self.name()
        if self.peek().is_sign("."):
            raise UnreadableText("a name has more than a schema before it")
        return first, second

    def group(self) -> Sequence[Token]:
        """Take a group in parentheses and return what is between them."""
        if not self.sign("("):
            raise UnreadableText(f"{self.found()} stands where ( is expected")
        start, depth = self._at, 1
        for at in range(start, len(self._tokens)):
            token = self._tokens[at]
            if token.sort is not Sort.SIGN:
                continue
            depth += (token.value == "(") - (token.value == ")")
            if not depth:
                self._at = at + 1
                return self._tokens[start:at]
        raise UnreadableText("a parenthesis is not closed")

    def rest(self) -> Sequence[Token]:
        """Take all that is left."""
        left = self._tokens[self._at :]
        self._at = len(self._tokens)
        return left

    def within(self, tokens: Sequence[Token]) -> Reader:
        """Return a reader of *tokens*, of the same database."""
        return Reader(tokens, self.dialect)

    def finish(self) -> None:
        """Refuse what the grammar has left over."""
        if not self.done:
            raise UnreadableText(f"{self.found()} is not known here")

    def found(self) -> str:
        """Return how to speak of the next token: words by themselves, values by their sort."""
        token = self.peek()
        if token is _END:
            return "the end"
        return token.value if token.sort in (Sort.WORD, Sort.SIGN) else f"a {token.sort.value}"


def items(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """Return *tokens* cut at the commas that stand in no parentheses."""
    found: list[Sequence[Token]] = []
    start = depth = 0
    for place, token in enumerate(tokens):
        if token.sort is not Sort.SIGN:
            continue
        depth += (token.value in ("(", "[")) - (token.value in (")", "]"))
        if token.value == "," and depth == 0:
            found.append(tokens[start:place])
            start = place + 1
    return [*found, tokens[start:]]


def names(reader: Reader, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Return every name in *tokens*, in order: what may be a column is one."""
    return tuple(
        dict.fromkeys(
            reader.kept(token) for token in tokens if token.sort in (Sort.WORD, Sort.NAME)
        )
    )
