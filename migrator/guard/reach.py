"""Reach: what a contract drops or narrows, and which tables its statements touch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator import sql
from migrator.guard.value import Place
from migrator.lint.losses import Account, Loss, account, losses

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from migrator.dialects import Dialect
    from migrator.guard.value import Work
    from migrator.migration import Migration
    from migrator.sql import Effect, Statement
    from migrator.transitions.transition import Transition

TABLE_THINGS = frozenset({"table", "column", "index", "constraint", "trigger"})
"""What belongs to a table, so that the lock of the table is enough to change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a contract does, read from its statements before any of them is sent."""

    account: Account
    """What it says becomes of the data."""
    statements: tuple[Statement, ...] = ()
    losses: tuple[Loss, ...] = ()
    """What it takes away, as far as its statements tell."""
    dropped: frozenset[Place] = frozenset()
    """Columns and tables that go, with all that is in them."""
    rebuilt: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Tables that are written anew under their own name → the columns that they have then."""
    unseen: bool = False
    """Whether it may take away more than its statements tell."""

    def drops(self, schema: str | None, table: str, column: str | None = None) -> bool:
        """Return whether the table goes, or its *column* alone."""
        whole = Place(schema, table)
        return any(same(each, whole) for each in self.dropped) or (
            column is not None
            and any(same(each, Place(schema, table, column)) for each in self.dropped)
        )

    def tables(self) -> frozenset[Place]:
        """Return the tables that the statements change."""
        found = (table_of(effect) for each in self.statements for effect in each.effects)
        return frozenset(table for table in found if table is not None)

    def effects(self, verb: str, thing: str) -> Iterator[Effect]:
        """Yield what the statements do to things of one sort."""
        for statement in self.statements:
            for effect in statement.effects:
                if _is(effect, verb, thing):
                    yield effect


def reach(
    migration: Migration, transitions: Sequence[Transition], work: Work, dialect: Dialect
) -> Reach:
    """Return what *migration* reaches: by its statements, or by what it declares."""
    said = account(transitions, migration.abandons, dialect.syntax)
    if callable(work):
        return Reach(
            account=said, dropped=frozenset(_declared(migration, transitions)), unseen=True
        )
    statements = tuple(sql.read(text, dialect) for text in work)
    effects = [effect for statement in statements for effect in statement.effects]
    rebuilt = _rebuilt(effects)
    left_out = {
        place
        for place in _declared(migration, transitions)
        if place.column and _folded(place.table) in rebuilt
        if _folded(place.column) not in rebuilt[_folded(place.table)]
    }
    return Reach(
        account=said,
        statements=statements,
        losses=tuple(losses(statements, dialect)),
        dropped=frozenset(_dropped(effects, rebuilt)) | left_out,
        rebuilt=rebuilt,
        unseen=any(map(_takes_more, statements)),
    )


def table_of(effect: Effect) -> Place | None:
    """Return the table that *effect* changes, None when it is not told."""
    if effect.thing == "table":
        return Place(effect.schema, effect.name) if effect.name else None
    if effect.thing not in TABLE_THINGS or effect.table is None:
        return None
    return Place(effect.schema, effect.table)


def same(one: Place, other: Place) -> bool:
    """Return whether two names mean one thing; a schema that is not told is any."""
    return (
        _folded(one.table) == _folded(other.table)
        and _folded(one.column) == _folded(other.column)
        and (None in {one.schema, other.schema} or one.schema == other.schema)
    )


def under_lock(statement: Statement) -> bool:
    """Return whether *statement* can run where only known tables are locked."""
    if statement.concurrent or statement.unread:
        return False
    return all(
        table_of(effect) is not None and not _is_of_whole_table(effect)
        for effect in statement.effects
    )


def _is_of_whole_table(effect: Effect) -> bool:
    return effect.thing == "table" and effect.verb in {"add", "rename"}


def _rebuilt(effects: Sequence[Effect]) -> dict[str, frozenset[str]]:
    """Return the columns of each table that is copied, dropped and replaced by its copy.

    So SQLite has to change what is not said by an ALTER TABLE.
    """
    made = {each.name: each.columns for each in effects if _is(each, "add", "table")}
    dropped = {each.name for each in effects if _is(each, "drop", "table")}
    return {
        _folded(each.to): frozenset(map(_folded, made[each.name]))
        for each in effects
        if _is(each, "rename", "table") and each.to in dropped and each.name in made
    }


def _dropped(effects: Sequence[Effect], rebuilt: Collection[str]) -> Iterator[Place]:
    """Yield what is there no more under its name, but for what the contract itself has made."""
    made: set[str] = set()
    for effect in effects:
        name = _folded(effect.name)
        if effect.name is None:
            continue
        if _is(effect, "add", "table"):
            made.add(name)
        elif effect.verb not in {"drop", "rename"}:
            continue
        elif effect.thing == "table" and name not in made and name not in rebuilt:
            yield Place(effect.schema, effect.name)
        elif effect.thing == "column" and effect.table and _folded(effect.table) not in made:
            yield Place(effect.schema, effect.table, effect.name)


def _is(effect: Effect, verb: str, thing: str) -> bool:
    return (effect.verb, effect.thing) == (verb, thing)


def _declared(migration: Migration, transitions: Sequence[Transition]) -> Iterator[Place]:
    """Yield what *migration* says may go."""
    for transition in transitions:
        for name in filter(None, (*transition.sources, getattr(transition, "marker", None))):
            yield Place(transition.schema, transition.table, name)
    yield from map(_place, migration.abandons)


def _takes_more(statement: Statement) -> bool:
    """Return whether *statement* may take away what it does not name."""
    return statement.leaves_open or any(effect.detail == "cascade" for effect in statement.effects)


def _place(name: str) -> Place:
    """Return the place called 'table', 'table.column' or 'schema.table.column'."""
    parts = name.split(".")
    if len(parts) == 1:
        return Place(None, name)
    schema, table, column = (None, *parts)[-3:]
    return Place(schema, str(table), column)


def _folded(name: str | None) -> str:
    return (name or "").casefold()
