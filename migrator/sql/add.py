"""ADD in ALTER TABLE: columns, constraints and indexes of a table that may be in use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.sql import additions
from migrator.sql.change import changes, effect_on
from migrator.sql.columns import Column, column, references
from migrator.sql.index import index_body, index_cautions
from migrator.sql.reader import items
from migrator.sql.statement import Caution, Effect, Finding
from migrator.sql.tokens import Sort, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migrator.sql.change import Found
    from migrator.sql.reader import Reader

_CONSTRAINT_WORDS = ("CHECK", "EXCLUDE", "FOREIGN", "PRIMARY", "UNIQUE")
_INDEX_WORDS = ("FULLTEXT", "INDEX", "KEY", "SPATIAL")


def add(reader: Reader, table: additions.Table, found: Found) -> None:
    """Read ADD and what follows."""
    if reader.words("CONSTRAINT"):
        maybe = reader.words("IF", "NOT", "EXISTS")
        anonymous = reader.peek().is_word(*_CONSTRAINT_WORDS)
        _constraint(reader, table, found, None if anonymous else reader.name(), maybe=maybe)
    elif reader.peek().is_word(*_CONSTRAINT_WORDS) and not _is_column_name(reader):
        _constraint(reader, table, found, None)
    elif reader.dialect.syntax.inline_indexes and reader.peek().is_word(*_INDEX_WORDS):
        _index(reader, table, found, unique=False)
    elif reader.peek().is_word("PARTITION", "PERIOD", "SYSTEM") and not _is_column_name(reader):
        raise UnreadableText(f"ADD {reader.found()} is not known to be additive")
    else:
        _columns(reader, table, found)


def _is_column_name(reader: Reader) -> bool:
    """Return whether the word that follows is the name of a column: a type comes after it."""
    after = reader.peek(1)
    types = reader.dialect.syntax.types - {"KEY"}
    return after.is_word(*types) and not reader.peek().is_word(*_CONSTRAINT_WORDS)


def _columns(reader: Reader, table: additions.Table, found: Found) -> None:
    """Read the column, or the columns in parentheses, that ADD names."""
    reader.words("COLUMN")
    maybe = reader.words("IF", "NOT", "EXISTS")
    definitions = items(reader.group()) if reader.peek().is_sign("(") else [reader.rest()]
    for definition in definitions:
        made = column(reader.within(definition), maybe=maybe)
        detail = "blank" if made.blank else ""
        found.label = found.label or "ADD COLUMN"
        effect = effect_on(table, "add", "column", made.name, detail)
        found.effects.append(replace(effect, maybe=maybe))
        found.findings.extend(additions.of_column(made, table))
        found.cautions.extend(_reference_cautions(made, table))


def _reference_cautions(made: Column, table: additions.Table) -> Iterable[Caution]:
    """Yield that a foreign key locks both tables, where it is added without a copy."""
    capabilities = table.reader.dialect.capabilities
    if made.refers and capabilities.late_validation:
        why = "a foreign key locks both tables, and waits for what holds either of them"
        hint = "add the column alone, then its foreign key NOT VALID"
        yield table.caution("blocking-foreign-key", why, hint)


def _constraint(
    reader: Reader,
    table: additions.Table,
    found: Found,
    name: str | None,
    *,
    maybe: bool = False,
) -> None:
    """Read a constraint that is added to the table."""
    word = reader.word(*_CONSTRAINT_WORDS)
    if not word:
        raise UnreadableText(f"{reader.found()} is not known as a constraint")
    detail, columns, findings = _CONSTRAINTS[word](reader, table, name)
    found.label = found.label or f"ADD {detail.upper()}"
    effect = Effect(
        verb="add", thing="constraint", name=name, table=table.name, schema=table.schema,
        detail=detail, maybe=maybe, columns=columns,
    )  # fmt: skip
    found.effects.append(effect)
    found.findings.extend(findings)


Constraint = tuple[str, tuple[str, ...], list[Finding]]
"""What it is, the columns that it looks at, and what is found."""


def _late(reader: Reader) -> bool:
    """Take the options of a constraint; return whether old rows are not looked at."""
    late = False
    while not reader.done:
        if reader.words("NOT", "VALID"):
            late = True
        elif not (
            reader.words("NOT", "DEFERRABLE")
            or reader.words("DEFERRABLE")
            or reader.words("INITIALLY", "DEFERRED")
            or reader.words("INITIALLY", "IMMEDIATE")
            or reader.words("NO", "INHERIT")
        ):
            raise UnreadableText(f"{reader.found()} is not known in a constraint")
    return late


def _check(reader: Reader, table: additions.Table, _: str | None) -> Constraint:
    """Read a check."""
    inside = reader.group()
    findings = additions.of_check(inside, table, late=_late(reader))
    looks_at = tuple(
        dict.fromkeys(
            reader.kept(token) for token in inside if token.sort in (Sort.WORD, Sort.NAME)
        )
    )
    return "check", looks_at, list(findings)


def _foreign_key(reader: Reader, table: additions.Table, _: str | None) -> Constraint:
    """Read a foreign key."""
    if not reader.words("KEY"):
        raise UnreadableText(f"{reader.found()} stands where KEY is expected")
    if not reader.peek().is_sign("("):
        reader.name()
    columns = column_list(reader)
    if not reader.words("REFERENCES"):
        raise UnreadableText(f"{reader.found()} stands where REFERENCES is expected")
    full = references(reader)
    findings = additions.of_key("foreign key", columns, table, late=_late(reader), every=full)
    return "foreign key", columns, list(findings)


def _unique(reader: Reader, table: additions.Table, name: str | None) -> Constraint:
    """Read a unique constraint, of columns or of an index that is there."""
    if reader.words("USING", "INDEX"):
        index = reader.name()
        _late(reader)
        why = f"it renames the index {index}"
        renames = changes("ADD UNIQUE USING INDEX", why, f"call the constraint {index} as well")
        return "unique", (), [] if name in (None, index) else [renames]
    equal = reader.words("NULLS", "NOT", "DISTINCT")
    if not equal:
        reader.words("NULLS", "DISTINCT")
    if reader.dialect.syntax.inline_indexes:
        reader.word("INDEX", "KEY")
        if not reader.peek().is_sign("("):
            reader.name()
        columns, findings = index_body(reader, table, unique=True)
        return "unique", columns, findings
    columns = column_list(reader)
    if reader.words("INCLUDE"):
        reader.group()
    _late(reader)
    findings = list(additions.of_key("unique", () if equal else columns, table))
    return "unique", columns, findings


def _primary_key(reader: Reader, table: additions.Table, _: str | None) -> Constraint:
    """Read a primary key."""
    reader.rest()
    return "primary key", (), list(additions.of_primary_key(table))


def _exclude(reader: Reader, table: additions.Table, _: str | None) -> Constraint:
    """Read an exclude constraint."""
    reader.rest()
    return "exclude", (), list(additions.of_key("exclude", (), table))


_CONSTRAINTS: dict[str, Callable[[Reader, additions.Table, str | None], Constraint]] = {
    "CHECK": _check,
    "EXCLUDE": _exclude,
    "FOREIGN": _foreign_key,
    "PRIMARY": _primary_key,
    "UNIQUE": _unique,
}


def column_list(reader: Reader) -> tuple[str, ...]:
    """Take the names of columns in parentheses."""
    return tuple(reader.kept(item[0]) for item in items(reader.group()) if item)


def _index(reader: Reader, table: additions.Table, found: Found, *, unique: bool) -> None:
    """Read ADD INDEX."""
    reader.word("FULLTEXT", "SPATIAL")
    reader.word("INDEX", "KEY")
    maybe = reader.words("IF", "NOT", "EXISTS")
    name = None
    if not reader.peek().is_sign("(") and not reader.peek().is_word("USING"):
        name = reader.name()
    columns, findings = index_body(reader, table, unique=unique)
    found.label = found.label or "ADD INDEX"
    effect = Effect(
        verb="add", thing="index", name=name, table=table.name, schema=table.schema,
        maybe=maybe, columns=columns,
    )  # fmt: skip
    found.effects.append(effect)
    found.findings.extend(findings)
    found.cautions.extend(index_cautions(table))
