"""ALTER: each action of it by itself; what is not known to add counts as change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql import additions
from migrator.sql.add import add
from migrator.sql.change import Found, change, changes, drop, effect_on
from migrator.sql.index import LOCKING, locking
from migrator.sql.reader import Reader, items
from migrator.sql.statement import Effect, Finding, Kind, Read
from migrator.sql.tokens import Sort, UnreadableText, tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.dialects import Dialect
    from migrator.sql.tokens import Token

_CHANGES = words(
    """
    ALTER ATTACH AUTO_INCREMENT CHANGE CLUSTER COALESCE COMMENT CONVERT DETACH DISABLE
    DISCARD DROP ENABLE ENGINE EXCHANGE FORCE IMPORT INHERIT MODIFY NO NOT OF OPTIMIZE ORDER
    OWNER REBUILD REMOVE RENAME REORGANIZE REPAIR REPLICA RESET ROW_FORMAT SET TRUNCATE
    """
)


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


def _alter_type(reader: Reader) -> Read:
    """Read ALTER TYPE: adding a value is additive."""
    schema, name = reader.qualified()
    if not reader.words("ADD", "VALUE"):
        reader.rest()
        effect = Effect(verb="alter", thing="type", name=name, schema=schema)
        return Read(label="ALTER TYPE", effects=(effect,), findings=(changes("ALTER TYPE"),))
    maybe = reader.words("IF", "NOT", "EXISTS")
    value = reader.string()
    if not value.startswith("'") or "\\" in value:
        raise UnreadableText("the value is no plain string")
    if reader.word("BEFORE", "AFTER"):
        reader.string()
    reader.finish()
    shown = value[1:-1].replace("''", "'")
    effect = Effect(verb="add", thing="value", name=shown, table=name, schema=schema, maybe=maybe)
    return Read(label="ALTER TYPE ADD VALUE", effects=(effect,))


def on_table(text: str, name: str, dialect: Dialect) -> str:
    """Return *text*, one ALTER TABLE, as one of the table *name*."""
    run = list(tokens(text, dialect.syntax))
    reader = Reader(run, dialect)
    while not reader.words("TABLE"):
        reader.take()
    reader.words("IF", "EXISTS")
    first = reader.peek()
    reader.qualified()
    last = run[len(run) - reader.left - 1]
    return f"{text[: first.start]}{name}{text[last.end :]}"


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
        add(reader, table, found)
    elif reader.words("VALIDATE", "CONSTRAINT"):
        found.label = found.label or "VALIDATE CONSTRAINT"
        name = reader.name()
        found.effects.append(effect_on(table, "validate", "constraint", name))
    elif word == "DROP":
        drop(reader, table, found)
    elif word in _CHANGES:
        change(reader, table, found)
    else:
        raise UnreadableText(f"{reader.found()} is not known in ALTER TABLE")
    reader.finish()
