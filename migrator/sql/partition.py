"""A partition: a new table whose rows belong to one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.sql.statement import Effect, Finding, Kind, Read
from migrator.sql.tokens import Sort, UnreadableText

if TYPE_CHECKING:
    from migrator.sql.reader import Reader

_BOUNDS = ("MAXVALUE", "MINVALUE", "MODULUS", "NULL", "REMAINDER")


def partition(reader: Reader, effect: Effect) -> Read:
    """Read CREATE TABLE … PARTITION OF, after that."""
    schema, table = reader.qualified()
    if reader.peek().is_sign("("):
        raise UnreadableText("a partition has constraints of its own")
    if not reader.words("DEFAULT"):
        if not reader.words("FOR", "VALUES"):
            raise UnreadableText(f"{reader.found()} stands where FOR VALUES is expected")
        _bounds(reader)
    if reader.words("PARTITION", "BY"):
        reader.name()
        reader.group()
    label = "CREATE TABLE PARTITION OF"
    why = "it locks the whole table, and rows of its DEFAULT partition are looked at meanwhile"
    hint = f"if there is no large one, write allow = [{label!r}] and the reason"
    finding = Finding(
        kind=Kind.BLOCKING, label=label, why=why, hint=hint, table=table, schema=schema
    )
    return Read(label=label, effects=(effect,), findings=(finding,))


def _bounds(reader: Reader) -> None:
    """Take the bounds of a partition: groups of values, which are computed once."""
    while word := reader.word("FROM", "TO", "IN", "WITH"):
        for token in reader.group():
            calm = token.sort in (Sort.STRING, Sort.NUMBER) or token.is_sign(",", "-")
            if not calm and not token.is_word(*_BOUNDS):
                raise UnreadableText(f"{token.text} is not known in a bound after {word}")
