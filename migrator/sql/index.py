"""An index: its columns, its options, and whom it may refuse a write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.sql import additions, expression, known
from migrator.sql.reader import items
from migrator.sql.statement import Caution, Effect, Finding, Read
from migrator.sql.tokens import Sort, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.sql.reader import Reader
    from migrator.sql.tokens import Token

LOCKING = {
    "ALGORITHM": ("DEFAULT", "INPLACE", "INSTANT", "NOCOPY"),
    "LOCK": ("DEFAULT", "NONE", "SHARED"),
}
"""Options of MySQL, and what they may say without asking for a copy or a lock."""


def locking(reader: Reader, word: str) -> None:
    """Take what the option *word* of LOCKING says."""
    reader.sign("=")
    if not reader.word(*LOCKING[word]):
        raise UnreadableText(f"{word} {reader.found()} locks or copies the table")


def create_index(reader: Reader, label: str, modifiers: Sequence[str]) -> Read:
    """Read CREATE INDEX."""
    concurrent = reader.words("CONCURRENTLY")
    maybe = reader.words("IF", "NOT", "EXISTS")
    schema, name = (None, None) if reader.peek().is_word("ON") else reader.qualified()
    if reader.words("USING"):
        reader.name()
    if not reader.words("ON"):
        raise UnreadableText(f"{reader.found()} stands where ON is expected")
    reader.words("ONLY")
    table = additions.name_of(reader.qualified(), reader)
    unique = "UNIQUE" in modifiers
    columns, findings = index_body(reader, table, unique=unique)
    effect = Effect(
        verb="add", thing="index", name=name, table=table.name, schema=schema or table.schema,
        detail="unique" if unique else "", maybe=maybe, columns=columns,
    )  # fmt: skip
    return Read(
        label=label,
        effects=(effect,),
        findings=tuple(findings),
        cautions=() if concurrent else index_cautions(table),
        concurrent=concurrent,
    )


def index_cautions(table: additions.Table) -> tuple[Caution, ...]:
    """Return that building an index blocks, where it does."""
    syntax = table.reader.dialect.syntax
    if "index" not in syntax.blocking:
        return ()
    return (table.caution("blocking-index", syntax.blocking["index"], syntax.recipes["index"]),)


def index_body(
    reader: Reader, table: additions.Table, *, unique: bool
) -> tuple[tuple[str, ...], list[Finding]]:
    """Take the columns and options of an index; return the columns and what is found."""
    label = "CREATE UNIQUE INDEX" if unique else "CREATE INDEX"
    if reader.words("USING"):
        reader.name()
    body = _without_lengths(reader.group(), reader)
    syntax = reader.dialect.syntax
    computed = not expression.total(body, syntax)
    equal = _index_options(reader)
    if reader.words("WHERE"):
        where = reader.rest()
        computed = computed or not expression.total(where, syntax)
    while not reader.done:
        _index_option(reader)
    columns = tuple(reader.kept(item[0]) for item in items(body) if item and _is_column(item))
    findings = []
    if computed:
        findings.append(table.narrows(f"{label} ON EXPRESSION"))
    if unique:
        findings.append(table.narrows(label, () if equal else columns))
    return columns, findings


def _without_lengths(tokens: Sequence[Token], reader: Reader) -> list[Token]:
    """Return *tokens* of an index without the lengths of prefixes: note(10) is note."""
    kept: list[Token] = []
    place = 0
    while place < len(tokens):
        kept.append(tokens[place])
        after = tokens[place + 1 : place + 4]
        shape = [each.value if each.sort is Sort.SIGN else each.sort for each in after]
        length = reader.dialect.syntax.inline_indexes and shape == ["(", Sort.NUMBER, ")"]
        place += 4 if length else 1
    return kept


_OPERATORS = (
    "AND", "BETWEEN", "GLOB", "IN", "IS", "ISNULL", "LIKE", "MATCH", "NOT", "NOTNULL", "OR",
    "REGEXP",
)  # fmt: skip


def _is_column(item: Sequence[Token]) -> bool:
    """Return whether *item* of an index is a column, and not an expression: x IS NULL is one."""
    called = len(item) > 1 and item[1].is_sign("(") and item[0].is_word(*known.FUNCTIONS)
    return (
        item[0].sort in (Sort.WORD, Sort.NAME)
        and not called
        and not any(token.is_word(*_OPERATORS) for token in item[1:])
        and all(token.sort is not Sort.SIGN or token.value in "().=," for token in item[1:])
    )


def _index_options(reader: Reader) -> bool:
    """Take what stands between the columns and WHERE; return whether NULLs are equal."""
    equal = False
    while not reader.done and not reader.peek().is_word("WHERE"):
        if reader.words("NULLS", "NOT", "DISTINCT"):
            equal = True
        elif not reader.words("NULLS", "DISTINCT"):
            _index_option(reader)
    return equal


def _index_option(reader: Reader) -> None:
    """Take one option of an index that changes nothing but its storage."""
    word = reader.word(
        "ALGORITHM", "COMMENT", "IGNORED", "INCLUDE", "INVISIBLE", "KEY_BLOCK_SIZE", "LOCK",
        "NOT", "NOWAIT", "TABLESPACE", "USING", "VISIBLE", "WAIT", "WITH", "PARSER",
    )  # fmt: skip
    if not word:
        raise UnreadableText(f"{reader.found()} is not known in an index")
    if word in ("INCLUDE", "WITH") and reader.peek().is_sign("("):
        reader.group()
    elif word in LOCKING:
        locking(reader, word)
    elif word in ("KEY_BLOCK_SIZE", "COMMENT", "USING", "TABLESPACE", "WAIT"):
        reader.sign("=")
        reader.take()
