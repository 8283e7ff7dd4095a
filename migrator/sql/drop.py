"""DROP, RENAME, TRUNCATE and statements that write rows: what they concern."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.sql.change import changes
from migrator.sql.reader import items
from migrator.sql.statement import Effect, Finding, Kind, Read
from migrator.sql.tokens import Sort, UnreadableText

if TYPE_CHECKING:
    from migrator.sql.reader import Reader

TRANSITION = "move rows with a transition: migrator online-migrate runs it in batches"


def drop(reader: Reader) -> Read:
    """Read a statement that begins with DROP."""
    reader.word("TEMPORARY", "ONLINE")
    thing = _thing(reader)
    label = f"DROP {thing}"
    concurrent = reader.words("CONCURRENTLY")
    reader.words("IF", "EXISTS")
    effects = []
    for item in items(reader.rest()):
        effects.append(_dropped(reader.within(item), thing.lower()))
    return Read(
        label=label,
        effects=tuple(effects),
        findings=(changes(label, "it drops what is there"),),
        concurrent=concurrent,
    )


def _thing(reader: Reader) -> str:
    """Take the words for what is dropped."""
    if reader.words("MATERIALIZED", "VIEW"):
        return "MATERIALIZED VIEW"
    if reader.words("FOREIGN", "TABLE"):
        return "TABLE"
    return reader.take().value if reader.peek().sort is Sort.WORD else "THING"


def _dropped(reader: Reader, thing: str) -> Effect:
    """Return the effect of dropping one thing; its name is None when it cannot be read."""
    if reader.peek().sort not in (Sort.WORD, Sort.NAME):
        return Effect(verb="drop", thing=thing, name=None)
    schema, name = reader.qualified()
    table = None
    if reader.peek().is_sign("("):
        reader.group()
    if reader.words("ON"):
        table_schema, table = reader.qualified()
        schema = schema or table_schema
    cascade = any(token.is_word("CASCADE") for token in reader.rest())
    detail = "cascade" if cascade else ""
    return Effect(verb="drop", thing=thing, name=name, table=table, schema=schema, detail=detail)


def rename(reader: Reader) -> Read:
    """Read a statement that begins with RENAME: tables, or users."""
    if not reader.word("TABLE", "TABLES"):
        reader.rest()
        return Read(label="RENAME", findings=(changes("RENAME"),))
    reader.words("IF", "EXISTS")
    effects = []
    for item in items(reader.rest()):
        one = reader.within(item)
        schema, name = one.qualified()
        to = one.qualified()[1] if one.word("TO") else None
        effects.append(Effect(verb="rename", thing="table", name=name, schema=schema, to=to))
    return Read(label="RENAME TABLE", effects=tuple(effects), findings=(changes("RENAME TABLE"),))


_BEFORE_TABLE = (
    "DELAYED", "FROM", "HIGH_PRIORITY", "IGNORE", "INTO", "LOW_PRIORITY", "ONLY", "QUICK", "TABLE",
)  # fmt: skip


def write(reader: Reader, word: str) -> Read:
    """Read a statement that writes rows and begins with *word*."""
    if reader.words("OR"):
        reader.take()
    while reader.word(*_BEFORE_TABLE):
        pass
    try:
        schema, name = reader.qualified()
    except UnreadableText:
        schema, name = None, None
    reader.rest()
    effect = Effect(verb="alter", thing="table", name=name, schema=schema, detail="rows")
    why = "it removes all rows" if word == "TRUNCATE" else "it writes rows"
    finding = Finding(kind=Kind.DATA, label=word, why=why, hint=TRANSITION)
    return Read(label=word, effects=(effect,), findings=(finding,), base=Kind.DATA)
