"""ALTER: each action of it by itself; what is not known to add counts as change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql import additions
from migrator.sql.columns import Column, column, references
from migrator.sql.create import LOCKING, Read, index_body, index_cautions, locking
from migrator.sql.reader import items
from migrator.sql.statement import Caution, Effect, Finding, Kind
from migrator.sql.tokens import Sort, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from migrator.sql.reader import Reader
    from migrator.sql.tokens import Token

_CONTRACT = "leave it in the expand and drop or change it in a contract: migrator new --contract"
_CONSTRAINT_WORDS = ("CHECK", "EXCLUDE", "FOREIGN", "PRIMARY", "UNIQUE")
_INDEX_WORDS = ("FULLTEXT", "INDEX", "KEY", "SPATIAL")
_CHANGES = words(
    """
    ALTER ATTACH AUTO_INCREMENT CHANGE CLUSTER COALESCE COMMENT CONVERT DETACH DISABLE
    DISCARD DROP ENABLE ENGINE EXCHANGE FORCE IMPORT INHERIT MODIFY NO NOT OF OPTIMIZE ORDER
    OWNER REBUILD REMOVE RENAME REORGANIZE REPAIR REPLICA RESET ROW_FORMAT SET TRUNCATE
    """
)


@dataclass(slots=True)
class Found:
    """What the actions of one ALTER TABLE amount to."""

    label: str = ""
    effects: list[Effect] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    cautions: list[Caution] = field(default_factory=list)


def alter(reader: Reader) -> Read:
    """Read a statement that begins with ALTER."""
    online = bool(reader.word("ONLINE"))
    if reader.words("TABLE"):
        return _alter_table(reader)
    if reader.words("TYPE") and not online:
        return _alter_type(reader)
    thing = reader.take().value if reader.peek().sort is Sort.WORD else ""
    reader.words("IF", "EXISTS")
    name = reader.peek()
    known = reader.kept(name) if name.sort in (Sort.WORD, Sort.NAME) else None
    renamed = reader.rest()[1:3]
    label = f"ALTER {thing}".strip()
    verb = "rename" if [token.value for token in renamed] == ["RENAME", "TO"] else "alter"
    effect = Effect(verb=verb, thing=thing.lower() or "database", name=known)
    return Read(label=label, effects=(effect,), findings=(changes(label),))


def changes(label: str, why: str = "it changes what is there", hint: str = _CONTRACT) -> Finding:
    """Return the finding of what changes or drops something."""
    return Finding(kind=Kind.DESTRUCTIVE, label=label, why=why, hint=hint)


def _alter_type(reader: Reader) -> Read:
    """Read ALTER TYPE: adding a value is additive."""
    schema, name = reader.qualified()
    if not reader.words("ADD", "VALUE"):
        reader.rest()
        effect = Effect(verb="alter", thing="type", name=name, schema=schema)
        return Read(label="ALTER TYPE", effects=(effect,), findings=(changes("ALTER TYPE"),))
    maybe = "maybe" if reader.words("IF", "NOT", "EXISTS") else ""
    value = reader.string()
    if not value.startswith("'") or "\\" in value:
        raise UnreadableText("the value is no plain string")
    if reader.word("BEFORE", "AFTER"):
        reader.string()
    reader.finish()
    shown = value[1:-1].replace("''", "'")
    effect = Effect(verb="add", thing="value", name=shown, table=name, schema=schema, detail=maybe)
    return Read(label="ALTER TYPE ADD VALUE", effects=(effect,))


def _alter_table(reader: Reader) -> Read:
    """Read ALTER TABLE, action by action."""
    reader.words("IF", "EXISTS")
    reader.words("ONLY")
    table = additions.name_of(reader.qualified(), reader)
    reader.sign("*")
    if reader.words("WAIT"):
        reader.literal()
    else:
        reader.words("NOWAIT")
    found = Found()
    for action in items(reader.rest()):
        try:
            _action(reader.within(action), table, found)
        except UnreadableText as error:
            found.findings.append(_unknown(action, str(error)))
    return Read(
        label=found.label or "ALTER TABLE",
        effects=tuple(found.effects),
        findings=tuple(found.findings),
        cautions=tuple(found.cautions),
    )


def _unknown(action: Sequence[Token], why: str) -> Finding:
    """Return the finding of an action that is not known."""
    said = [token.value for token in action[:2] if token.sort is Sort.WORD]
    label = " ".join(["ALTER TABLE", *said[:1]])
    hint = f"if it only adds, write allow = [{label!r}] and the reason"
    kind = Kind.DESTRUCTIVE if _CHANGES.intersection(said) else Kind.UNREADABLE
    return Finding(kind=kind, label=label, why=why, hint=hint, opaque=True)


def _action(reader: Reader, table: additions.Table, found: Found) -> None:
    """Read one action."""
    word = reader.peek().value if reader.peek().sort is Sort.WORD else ""
    if word in LOCKING and reader.dialect.syntax.inline_indexes:
        locking(reader, reader.take().value)
    elif reader.words("ADD"):
        _add(reader, table, found)
    elif reader.words("VALIDATE", "CONSTRAINT"):
        found.label = found.label or "VALIDATE CONSTRAINT"
        name = reader.name()
        found.effects.append(_effect(table, "validate", "constraint", name))
    elif word == "DROP":
        _drop(reader, table, found)
    elif word in _CHANGES:
        _change(reader, table, found)
    else:
        raise UnreadableText(f"{reader.found()} is not known in ALTER TABLE")
    reader.finish()


def _effect(
    table: additions.Table, verb: str, thing: str, name: str | None, detail: str = ""
) -> Effect:
    """Return an effect on what belongs to *table*."""
    return Effect(
        verb=verb, thing=thing, name=name, table=table.name, schema=table.schema, detail=detail
    )


def _add(reader: Reader, table: additions.Table, found: Found) -> None:
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
        detail = "maybe" if maybe else ("blank" if made.blank else "")
        found.label = found.label or "ADD COLUMN"
        found.effects.append(_effect(table, "add", "column", made.name, detail))
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
        detail="maybe" if maybe else detail, columns=columns,
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
    references(reader)
    findings = additions.of_key("foreign key", columns, table, late=_late(reader))
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
        detail="maybe" if maybe else "", columns=columns,
    )  # fmt: skip
    found.effects.append(effect)
    found.findings.extend(findings)
    found.cautions.extend(index_cautions(table))


_DROPPED = {
    "CHECK": "constraint",
    "COLUMN": "column",
    "CONSTRAINT": "constraint",
    "INDEX": "index",
    "KEY": "index",
    "PARTITION": "partition",
}


def _drop(reader: Reader, table: additions.Table, found: Found) -> None:
    """Read DROP in ALTER TABLE: whatever it is, it goes."""
    reader.take()
    thing = "column"
    if reader.words("FOREIGN", "KEY"):
        thing = "constraint"
    elif reader.words("PRIMARY", "KEY"):
        thing = "primary key"
    elif word := reader.word(*_DROPPED):
        thing = _DROPPED[word]
    reader.words("IF", "EXISTS")
    name = reader.name() if not reader.done else None
    rest = reader.rest()
    label = f"DROP {thing.upper()}"
    detail = "cascade" if any(token.is_word("CASCADE") for token in rest) else ""
    found.label = found.label or label
    found.effects.append(_effect(table, "drop", thing, name, detail))
    found.findings.append(changes(label, "it drops what is there"))


def _change(reader: Reader, table: additions.Table, found: Found) -> None:
    """Read an action that changes what is there; contracts want to know what."""
    label, effect = _changed(reader, table)
    reader.rest()
    found.label = found.label or label
    found.effects.append(effect)
    found.findings.append(changes(label))


def _changed(reader: Reader, table: additions.Table) -> tuple[str, Effect]:
    """Return the label and the effect of a change."""
    word = reader.take().value
    if word == "RENAME":
        return _renamed(reader, table)
    if word == "ALTER":
        reader.words("COLUMN")
        reader.words("IF", "EXISTS")
        name = reader.name()
        detail = _alteration(reader.rest())
        return f"ALTER COLUMN {detail.upper()}", _effect(table, "alter", "column", name, detail)
    if word in ("MODIFY", "CHANGE"):
        return _modified(reader, table, word)
    effect = Effect(
        verb="alter", thing="table", name=table.name, schema=table.schema, detail=word.lower()
    )
    return f"ALTER TABLE {word}", effect


def _renamed(reader: Reader, table: additions.Table) -> tuple[str, Effect]:
    """Return the label and the effect of RENAME."""
    if reader.word("TO", "AS"):
        schema, to = reader.qualified()
        effect = Effect(
            verb="rename", thing="table", name=table.name, schema=schema or table.schema, to=to
        )
        return "RENAME TABLE", effect
    thing = (reader.word("COLUMN", "CONSTRAINT", "INDEX", "KEY") or "COLUMN").lower()
    thing = "index" if thing == "key" else thing
    name = reader.name()
    new = reader.name() if reader.word("TO") else None
    effect = Effect(
        verb="rename", thing=thing, name=name, table=table.name, schema=table.schema, to=new
    )
    return f"RENAME {thing.upper()}", effect


def _modified(reader: Reader, table: additions.Table, word: str) -> tuple[str, Effect]:
    """Return the label and the effect of MODIFY and CHANGE, which say the whole column again."""
    reader.words("COLUMN")
    reader.words("IF", "EXISTS")
    name = reader.name()
    to = reader.name() if word == "CHANGE" else name
    if to.casefold() != name.casefold():
        effect = Effect(
            verb="rename", thing="column", name=name, table=table.name, schema=table.schema, to=to
        )
        return "RENAME COLUMN", effect
    return f"{word} COLUMN", _effect(table, "alter", "column", name, "definition")


_ALTERATIONS = (
    (("SET", "NOT", "NULL"), "not null"),
    (("DROP", "NOT", "NULL"), "null"),
    (("SET", "DEFAULT"), "default"),
    (("DROP", "DEFAULT"), "default"),
    (("TYPE",), "type"),
    (("SET", "DATA", "TYPE"), "type"),
    (("SET", "STATISTICS"), "storage"),
    (("SET", "STORAGE"), "storage"),
    (("SET", "COMPRESSION"), "storage"),
)


def _alteration(tokens: Sequence[Token]) -> str:
    """Return what ALTER COLUMN, whose name is taken, alters."""
    said = tuple(token.value for token in tokens if token.sort is Sort.WORD)
    for beginning, detail in _ALTERATIONS:
        if said[: len(beginning)] == beginning:
            return detail
    return "definition"
