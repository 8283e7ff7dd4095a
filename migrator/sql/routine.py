"""What holds statements for later – triggers, routines, rules – and what is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql.statement import Effect, Finding, Kind, Read
from migrator.sql.tokens import Sort

if TYPE_CHECKING:
    from migrator.sql.reader import Reader

ROUTINES = words("EVENT FUNCTION PACKAGE PROCEDURE RULE TRIGGER")
"""What may be created and holds statements."""

_LATER = "what it will do when it is used cannot be read"
_REPLACES = "what was there under that name is replaced"
_DDL = words("ALTER DROP GRANT RENAME REVOKE TRUNCATE")


def routine(reader: Reader, thing: str, label: str) -> Read:
    """Read what holds statements for later: they are seen, not judged, but for DDL."""
    reader.words("IF", "NOT", "EXISTS")
    schema, name = reader.qualified()
    table = _table_of(reader)
    rest = reader.rest()
    effect = Effect(verb="add", thing=thing.lower(), name=name, schema=schema, table=table)
    why = _REPLACES if "REPLACE" in label else _LATER
    findings = [Finding(kind=Kind.UNREADABLE, label=label, why=why, hint=_allowed(label))]
    if any(token.is_word(*_DDL) for token in rest):
        why = "its body drops or changes what is there"
        findings.append(Finding(kind=Kind.DESTRUCTIVE, label=label, why=why))
    return Read(label=label, effects=(effect,), findings=tuple(findings))


def _allowed(label: str) -> str:
    """Return the hint how a migration vouches for a statement."""
    return f"if it only adds, write allow = [{label!r}] and the reason"


def _table_of(reader: Reader) -> str | None:
    """Return the table that the trigger, whose name is taken, is on; take all before it."""
    while not reader.done:
        if reader.words("ON"):
            return reader.qualified()[1] if reader.peek().sort is not Sort.SIGN else None
        if reader.peek().is_word("BEGIN", "AS", "DO"):
            return None
        reader.take()
    return None


def replaced(reader: Reader, thing: str, label: str) -> Read:
    """Read CREATE OR REPLACE of something else than a routine."""
    schema, name = reader.qualified()
    reader.rest()
    kind = Kind.UNREADABLE if thing == "VIEW" else Kind.DESTRUCTIVE
    effects = (
        Effect(verb="drop", thing=thing.lower(), name=name, schema=schema, detail="replaced"),
        Effect(verb="add", thing=thing.lower(), name=name, schema=schema, maybe=True),
    )
    hint = _allowed(label) if thing == "VIEW" else None
    finding = Finding(kind=kind, label=label, why=_REPLACES, hint=hint)
    return Read(label=label, effects=effects, findings=(finding,))
