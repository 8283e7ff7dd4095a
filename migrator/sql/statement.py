"""A statement: what one piece of SQL does, as far as it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a statement is to an expand."""

    ADDITIVE = "additive"
    """Adds something that the running code does not notice."""
    HARMLESS = "harmless"
    """Changes nothing that outlives the session: SET, SHOW, a SELECT that only reads."""
    DATA = "data"
    """Writes rows."""
    DESTRUCTIVE = "destructive"
    """Drops, renames, changes or narrows what is there."""
    UNREADABLE = "unreadable"
    """Cannot be judged from its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that a statement adds, drops, alters or renames.

    Names are as the database keeps them: without quotes and folded where it folds.
    """

    verb: str
    """add, drop, alter or rename."""
    thing: str
    """table, column, index, constraint, view, trigger, type, value, sequence, schema …"""
    name: str | None
    """Name of the thing itself; None when the database chooses it."""
    table: str | None = None
    """Table that the thing belongs to; for a value of an enum, its type."""
    schema: str | None = None
    """Schema, where the statement names one."""
    to: str | None = None
    """New name, of a rename."""
    detail: str = ""
    """What is altered: 'type', 'not null', 'default', 'check', 'unique', 'foreign key' …"""
    columns: tuple[str, ...] = ()
    """Columns that an index or a constraint looks at; of a new table, all of them."""

    def describe(self) -> str:
        """Return the effect as a person would say it."""
        names = [each for each in (self.schema, self.table, self.name) if each]
        said = f"{self.verb} {self.thing} {'.'.join(names)}".rstrip()
        return f"{said} to {self.to}" if self.to else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, read."""

    text: str
    kind: Kind
    label: str
    """What a person would call it, in capitals: 'DROP COLUMN', 'CREATE FUNCTION', 'DO', 'CALL'."""
    effects: tuple[Effect, ...] = ()
    why: str = ""
    """Why it is not additive, for people; empty when it is."""
    hint: str | None = None
    """The safe way to the same end, where there is one."""
    concurrent: bool = False
    """Must run outside a transaction."""
    cautions: frozenset[str] = frozenset()
    """What else to look at when its table is not new: 'blocks', 'rewrites', 'scans', 'unnamed' …"""
