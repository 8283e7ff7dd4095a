"""Columns: what the definition of a new column asks of the rows that are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql.default import default
from migrator.sql.tokens import Sort, Token, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.dialects import Dialect
    from migrator.sql.reader import Reader

_CONSTRAINTS = words(
    """
    AFTER AS AUTOINCREMENT AUTO_INCREMENT CHARSET CHECK COLLATE COMMENT CONSTRAINT DEFAULT
    DEFERRABLE FIRST GENERATED INITIALLY INVISIBLE KEY NOT NULL ON PRIMARY REFERENCES UNIQUE
    VISIBLE
    """
)
"""Words that end a type or a default."""
_IN_TYPE = words(
    """
    ARRAY BINARY BYTE LARGE LOCAL OBJECT PRECISION SIGNED TIME UNSIGNED VARYING WITH WITHOUT
    ZEROFILL ZONE
    """
)
"""Words that may follow the first word of a type."""
_NUMBERED = words("BIGSERIAL SERIAL SERIAL2 SERIAL4 SERIAL8 SMALLSERIAL")


@dataclass(slots=True)
class Column:
    """What is known of a column while its definition is read."""

    name: str
    maybe: bool = False
    """It may be there already; its constraints are added all the same."""
    type: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    """Name of its type, where that is not one of the database's own; with its schema."""
    not_null: bool = False
    null: bool = False
    default: str = ""
    """'', 'null', 'constant', 'computed' or 'volatile'."""
    implicit: bool = False
    """The server may give it a value: by a setting, or at each update."""
    unique: bool = False
    nulls_equal: bool = False
    primary: bool = False
    numbered: bool = False
    """AUTO_INCREMENT, SERIAL, IDENTITY."""
    refers: bool = False
    generated: str = ""
    """'', 'virtual' or 'stored'."""
    formula: Sequence[Token] = ()
    checks: list[Sequence[Token]] = field(default_factory=list)

    @property
    def blank(self) -> bool:
        """Return whether code that does not know the column leaves it NULL."""
        return not (
            self.maybe
            or self.not_null
            or self.primary
            or self.numbered
            or self.generated
            or self.custom
            or self.implicit
            or self.default not in ("", "null")
        )


def column(reader: Reader, *, maybe: bool = False) -> Column:
    """Take the definition of a column; raises UnreadableText where it is not known.

    *maybe* is IF NOT EXISTS.
    """
    made = Column(name=reader.name(), maybe=maybe)
    _type(reader, made)
    while not reader.done:
        _constraint(reader, made)
    made.implicit = made.implicit or _has_implicit_default(made, reader.dialect)
    if made.type and made.type[0] in _NUMBERED:
        made.numbered = True
    return made


def _has_implicit_default(made: Column, dialect: Dialect) -> bool:
    """Return whether a setting of the server may give *made* a default of its own."""
    bare = made.type[:1] == ("TIMESTAMP",) and not made.null and not made.default
    return bare and dialect.syntax.implicit_timestamps


def _type(reader: Reader, made: Column) -> None:
    """Take the type of *made*, or none."""
    words: list[str] = []
    while not reader.done and not _ends_type(reader):
        token = reader.peek()
        if token.sort is Sort.STRING or (token.sort is Sort.SIGN and token.value not in ".(["):
            raise UnreadableText(f"{reader.found()} stands in a type")
        if token.is_sign("("):
            reader.group()
            continue
        words.append(_type_word(reader, made, qualified=words[-1:] == ["."]))
    made.type = tuple(words)


def _ends_type(reader: Reader) -> bool:
    """Return whether what follows is no part of a type any more."""
    if reader.peek().is_word("CHARACTER"):
        return reader.peek(1).is_word("SET")
    return reader.peek().is_word(*_CONSTRAINTS)


def _type_word(reader: Reader, made: Column, *, qualified: bool) -> str:
    """Take one word of a type, and note when it is not one of the database's own."""
    token = reader.take()
    if token.is_sign("["):
        if reader.peek().sort is Sort.NUMBER:
            reader.take()
        if not reader.sign("]"):
            raise UnreadableText(f"{reader.found()} stands in a type")
        return "[]"
    syntax = reader.dialect.syntax
    if not syntax.types or token.is_sign("."):
        return token.value
    if token.is_word(*syntax.types, *_IN_TYPE) and not (qualified or reader.peek().is_sign(".")):
        return token.value
    if not syntax.domains:
        raise UnreadableText(f"the type {token.text} is not known")
    made.custom += (reader.kept(token),)
    return token.value


def _constraint(reader: Reader, made: Column) -> None:
    """Take one constraint or option of a column."""
    if reader.words("CONSTRAINT"):
        reader.name()
    word = reader.take().value if reader.peek().sort is Sort.WORD else ""
    take = _TAKERS.get(word)
    if take is None:
        raise UnreadableText(f"{word or reader.found()} is not known in a column")
    take(reader, made)


def _not(reader: Reader, made: Column) -> None:
    if reader.words("DEFERRABLE"):
        return
    if not reader.words("NULL"):
        raise UnreadableText(f"{reader.found()} after NOT is not known in a column")
    made.not_null = True


def _null(_: Reader, made: Column) -> None:
    made.null = True


def _default(reader: Reader, made: Column) -> None:
    tokens: list[Token] = []
    while not reader.done and not (_is_value(tokens) and reader.peek().is_word(*_CONSTRAINTS)):
        if reader.peek().is_sign("("):
            start = reader.take()
            tokens += [start, *_until_closed(reader)]
        else:
            tokens.append(reader.take())
    made.default = default(tokens, reader.dialect.syntax, made.type)


def _is_value(tokens: Sequence[Token]) -> bool:
    """Return whether *tokens* of a default may be all of it: - and AT TIME ZONE want more."""
    last = tokens[-1] if tokens else None
    if last is None or last.is_word("AS", "AT", "TIME", "ZONE"):
        return False
    return last.sort is not Sort.SIGN or last.is_sign(")", "]")


def _until_closed(reader: Reader) -> list[Token]:
    """Take everything up to the parenthesis that closes the one just taken."""
    tokens: list[Token] = []
    depth = 1
    while depth:
        if reader.done:
            raise UnreadableText("a parenthesis is not closed")
        tokens.append(reader.take())
        depth += tokens[-1].is_sign("(") - tokens[-1].is_sign(")")
    return tokens


def _primary(reader: Reader, made: Column) -> None:
    reader.words("KEY")
    made.primary = True


def _unique(reader: Reader, made: Column) -> None:
    reader.words("KEY")
    made.unique = True
    made.nulls_equal = reader.words("NULLS", "NOT", "DISTINCT")
    if not made.nulls_equal:
        reader.words("NULLS", "DISTINCT")


def _check(reader: Reader, made: Column) -> None:
    made.checks.append(reader.group())
    reader.words("NO", "INHERIT")


def references(reader: Reader) -> bool:
    """Take the table, columns and actions of a foreign key, after REFERENCES.

    Return whether it is MATCH FULL: one NULL among its columns is not enough.
    """
    full = False
    reader.qualified()
    if reader.peek().is_sign("("):
        reader.group()
    while word := reader.word("MATCH", "ON"):
        if word == "MATCH":
            full = _expect(reader, "FULL", "PARTIAL", "SIMPLE") != "SIMPLE"
            continue
        _expect(reader, "DELETE", "UPDATE")
        if reader.words("SET", "NULL") or reader.words("SET", "DEFAULT"):
            continue
        if not reader.words("NO", "ACTION"):
            _expect(reader, "CASCADE", "RESTRICT")
    return full


def _references(reader: Reader, made: Column) -> None:
    references(reader)
    made.refers = True


def _initially(reader: Reader, _: Column) -> None:
    _expect(reader, "DEFERRED", "IMMEDIATE")


def _collate(reader: Reader, _: Column) -> None:
    reader.qualified()


def _charset(reader: Reader, _: Column) -> None:
    reader.name()


def _character(reader: Reader, _: Column) -> None:
    _expect(reader, "SET")
    reader.name()


def _comment(reader: Reader, _: Column) -> None:
    reader.string()


def _on(reader: Reader, made: Column) -> None:
    made.implicit = True
    _expect(reader, "UPDATE")
    _expect(reader, "CURRENT_TIMESTAMP", "NOW")
    if reader.peek().is_sign("("):
        reader.group()


def _generated(reader: Reader, made: Column) -> None:
    _ = reader.words("BY", "DEFAULT") or _expect(reader, "ALWAYS")
    _expect(reader, "AS")
    if reader.words("IDENTITY"):
        made.numbered = True
        if reader.peek().is_sign("("):
            reader.group()
        return
    _formula(reader, made)


def _formula(reader: Reader, made: Column) -> None:
    made.formula = reader.group()
    word = reader.word("STORED", "VIRTUAL", "PERSISTENT")
    made.generated = "stored" if word in ("STORED", "PERSISTENT") else "virtual"


def _numbered(_: Reader, made: Column) -> None:
    made.numbered = True


def _nothing(_: Reader, __: Column) -> None:
    """Take no more: the word says all."""


def _after(reader: Reader, _: Column) -> None:
    reader.name()


_TAKERS = {
    "AFTER": _after,
    "AS": _formula,
    "AUTOINCREMENT": _numbered,
    "AUTO_INCREMENT": _numbered,
    "CHARACTER": _character,
    "CHARSET": _charset,
    "CHECK": _check,
    "COLLATE": _collate,
    "COMMENT": _comment,
    "DEFAULT": _default,
    "DEFERRABLE": _nothing,
    "FIRST": _nothing,
    "GENERATED": _generated,
    "INITIALLY": _initially,
    "INVISIBLE": _nothing,
    "KEY": _primary,
    "NOT": _not,
    "NULL": _null,
    "ON": _on,
    "PRIMARY": _primary,
    "REFERENCES": _references,
    "UNIQUE": _unique,
    "VISIBLE": _nothing,
}


def _expect(reader: Reader, *options: str) -> str:
    """Take one of the words *options*."""
    word = reader.word(*options)
    if not word:
        raise UnreadableText(f"{reader.found()} stands where {options[0]} is expected")
    return word
