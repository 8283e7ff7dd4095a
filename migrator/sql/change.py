"""Changes in ALTER TABLE: what is dropped, renamed, altered; contracts want to know what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.sql.statement import Caution, Effect, Finding, Kind
from migrator.sql.tokens import Sort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.sql.additions import Table
    from migrator.sql.reader import Reader
    from migrator.sql.tokens import Token

_CONTRACT = "leave it in the expand and drop or change it in a contract: migrator new --contract"


@dataclass(slots=True)
class Found:
    """What the actions of one ALTER TABLE amount to."""

    label: str = ""
    effects: list[Effect] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    cautions: list[Caution] = field(default_factory=list)


def changes(label: str, why: str = "it changes what is there", hint: str = _CONTRACT) -> Finding:
    """Return the finding of what changes or drops something."""
    return Finding(kind=Kind.DESTRUCTIVE, label=label, why=why, hint=hint)


def effect_on(table: Table, verb: str, thing: str, name: str | None, detail: str = "") -> Effect:
    """Return an effect on what belongs to *table*."""
    return Effect(
        verb=verb, thing=thing, name=name, table=table.name, schema=table.schema, detail=detail
    )


_DROPPED = {
    "CHECK": "constraint",
    "COLUMN": "column",
    "CONSTRAINT": "constraint",
    "INDEX": "index",
    "KEY": "index",
    "PARTITION": "partition",
}


def drop(reader: Reader, table: Table, found: Found) -> None:
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
    found.effects.append(effect_on(table, "drop", thing, name, detail))
    found.findings.append(changes(label, "it drops what is there"))


def change(reader: Reader, table: Table, found: Found) -> None:
    """Read an action that changes what is there; contracts want to know what."""
    action = reader.rest()
    label, effect = _changed(reader.within(action), table)
    found.label = found.label or label
    found.effects.append(effect)
    if effect.detail == "null":
        found.findings.append(_loosens(label, "the running code may read NULL where it never did"))
    elif label in _SAID_AGAIN or (
        effect.detail == "type" and reader.dialect.syntax.widening and _may_widen(action)
    ):
        found.findings.append(_loosens(label, "only the database knows whether it takes more"))
    else:
        found.findings.append(changes(label))


def _loosens(label: str, why: str) -> Finding:
    """Return the finding of what may only allow more than before, and that somebody has to say."""
    hint = f"if it only allows more, write allow = [{label!r}] and the reason"
    return Finding(kind=Kind.UNREADABLE, label=label, why=why, hint=hint)


_SAID_AGAIN = ("CHANGE COLUMN", "MODIFY COLUMN")
"""They say the whole column again, so nothing tells from their text what is new in it."""
_WIDENED = ("CHARACTER", "DECIMAL", "NUMERIC", "TEXT", "VARCHAR", "VARYING")
"""Types that may take more values without a row being written again."""


def _may_widen(action: Sequence[Token]) -> bool:
    """Return whether *action*, ALTER COLUMN … TYPE, names such a type, and no USING."""
    place = next(place for place, token in enumerate(action) if token.is_word("TYPE"))
    after = action[place + 1 :]
    return all(token.sort is not Sort.NAME for token in after) and all(
        token.is_word(*_WIDENED) for token in after if token.sort is Sort.WORD
    )


def _changed(reader: Reader, table: Table) -> tuple[str, Effect]:
    """Return the label and the effect of a change."""
    word = reader.take().value
    if word == "RENAME":
        return _renamed(reader, table)
    if word == "ALTER":
        reader.words("COLUMN")
        reader.words("IF", "EXISTS")
        name = reader.name()
        detail = _alteration(reader.rest())
        label = f"ALTER COLUMN {'DROP NOT NULL' if detail == 'null' else detail.upper()}"
        return label, effect_on(table, "alter", "column", name, detail)
    if word in ("MODIFY", "CHANGE"):
        return _modified(reader, table, word)
    effect = Effect(
        verb="alter", thing="table", name=table.name, schema=table.schema, detail=word.lower()
    )
    return f"ALTER TABLE {word}", effect


def _renamed(reader: Reader, table: Table) -> tuple[str, Effect]:
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


def _modified(reader: Reader, table: Table, word: str) -> tuple[str, Effect]:
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
    return f"{word} COLUMN", effect_on(table, "alter", "column", name, "definition")


_ALTERATIONS = (
    (("SET", "NOT", "NULL"), "not null"),
    (("DROP", "NOT", "NULL"), "null"),
    (("SET", "DEFAULT"), "default"),
    (("DROP", "DEFAULT"), "no default"),
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
