"""A statement: what one piece of SQL does, as far as it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a statement is to an expand, from the best to the worst."""

    HARMLESS = "harmless"
    """Changes nothing that outlives the session: SET, SHOW, a SELECT that only reads."""
    ADDITIVE = "additive"
    """Adds something that the running code does not notice."""
    BLOCKING = "blocking"
    """Adds, but holds a lock for as long as its table is large."""
    UNREADABLE = "unreadable"
    """Cannot be judged from its text."""
    DATA = "data"
    """Writes or copies rows."""
    DESTRUCTIVE = "destructive"
    """Drops, renames, changes or narrows what is there."""


_WORSE = {kind: place for place, kind in enumerate(Kind)}


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
    """Name of the thing itself; None when the database chooses it or it cannot be read."""
    table: str | None = None
    """Table that the thing belongs to; for a value of an enum, its type."""
    schema: str | None = None
    """Schema, where the statement names one."""
    to: str | None = None
    """New name, of a rename."""
    detail: str = ""
    """What is altered or added: 'type', 'not null', 'default', 'check', 'unique', 'foreign key',
    'rows' …; of a new column 'blank' when the running code leaves it NULL."""
    maybe: bool = False
    """It may have been there before: IF NOT EXISTS."""
    columns: tuple[str, ...] = ()
    """Columns that an index or a constraint looks at; of a new table, all of them."""

    def describe(self) -> str:
        """Return the effect as a person would say it."""
        names = [each for each in (self.schema, self.table, self.name) if each]
        said = f"{self.verb} {self.thing} {'.'.join(names)}".rstrip()
        return f"{said} to {self.to}" if self.to else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why a statement is not additive, or not known to be."""

    kind: Kind
    label: str
    """What a person would call it, in capitals; `allow` names it."""
    why: str
    hint: str | None = None
    """The safe way to the same end, where there is one."""
    table: str | None = None
    """Additive after all when the same migration made this table."""
    schema: str | None = None
    columns: tuple[str, ...] = ()
    """Additive after all when the running code leaves one of these columns NULL, or"""
    every: bool = False
    """when it leaves all of them NULL."""
    type: tuple[str, ...] = ()
    """Additive after all when the same migration made this type, of plain values: its name, with
    its schema before it where the statement says it."""
    opaque: bool = False
    """Not even a contract may do it: what it does now cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """What is additive and still wants a look before it meets a busy table."""

    rule: str
    why: str
    hint: str
    table: str | None = None
    schema: str | None = None


_ASKING = frozenset({"DESC", "DESCRIBE", "EXPLAIN", "SELECT", "SHOW", "VALUES", "WITH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, read without regard to the statements before it."""

    text: str
    called: str
    """What a person would call it if nothing is found, in capitals: 'ADD COLUMN'."""
    base: Kind = Kind.ADDITIVE
    effects: tuple[Effect, ...] = ()
    findings: tuple[Finding, ...] = ()
    cautions: tuple[Caution, ...] = ()
    concurrent: bool = False
    """Must run outside a transaction."""

    @property
    def kind(self) -> Kind:
        """Return the worst that was found, as if every table it names were in use."""
        return max(self._kinds, key=_WORSE.__getitem__)

    @property
    def leaves_open(self) -> bool:
        """Return whether it may do more than what was read of it."""
        return Kind.UNREADABLE in self._kinds

    @property
    def asks(self) -> bool:
        """Return whether it has a result, and nothing else as far as its text tells."""
        return self.called in _ASKING and self.kind is Kind.HARMLESS

    @property
    def unread(self) -> bool:
        """Return whether its text leaves open what it does; which column it alters, it says."""
        alters = any((each.verb, each.thing) == ("alter", "column") for each in self.effects)
        opaque = any(finding.opaque for finding in self.findings)
        return self.leaves_open and (opaque or not alters)

    @property
    def _kinds(self) -> tuple[Kind, ...]:
        return (self.base, *(finding.kind for finding in self.findings))

    @property
    def label(self) -> str:
        """Return what a person would call it: 'ADD COLUMN', 'CREATE FUNCTION', 'DO', 'CALL'."""
        return self.worst.label if self.worst else self.called

    @property
    def worst(self) -> Finding | None:
        """Return the finding that decides, the first of the worst."""
        return max(self.findings, key=lambda each: _WORSE[each.kind], default=None)

    @property
    def why(self) -> str:
        """Return why it is not additive; empty when it is."""
        return self.worst.why if self.worst else ""

    @property
    def hint(self) -> str | None:
        """Return the safe way to the same end, where there is one."""
        return self.worst.hint if self.worst else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of one statement, before it has its text."""

    label: str
    effects: tuple[Effect, ...] = ()
    findings: tuple[Finding, ...] = ()
    cautions: tuple[Caution, ...] = ()
    base: Kind = Kind.ADDITIVE
    concurrent: bool = False
