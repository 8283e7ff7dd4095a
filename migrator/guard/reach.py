"""Reach: what a contract drops or narrows, and which tables its statements touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator import sql
from migrator.guard.value import Place
from migrator.sql import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

    statements: tuple[Statement, ...] = ()
    dropped: frozenset[Place] = frozenset()
    """Columns and tables that go, with all that is in them."""
    covered: frozenset[Place] = frozenset()
    """Columns and tables that it says it completes or abandons."""

    def uncovered(self) -> tuple[Place, ...]:
        """Return what would go although the contract does not say what becomes of it."""
        return tuple(
            sorted(
                (place for place in self.dropped if not self._is_covered(place)),
                key=str,
            )
        )

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
                if (effect.verb, effect.thing) == (verb, thing):
                    yield effect

    def _is_covered(self, place: Place) -> bool:
        whole = Place(place.schema, place.table)
        return any(same(each, place) or same(each, whole) for each in self.covered)


def reach(
    migration: Migration, transitions: Sequence[Transition], work: Work, dialect: Dialect
) -> Reach:
    """Return what *migration* reaches: by its statements, or by what it declares."""
    covered = frozenset(place for transition in transitions for place in _completed(transition)) | {
        _place(name) for name in migration.abandons
    }
    if callable(work):
        dropped = {
            Place(transition.schema, transition.table, source)
            for transition in transitions
            for source in transition.sources
        }
        abandoned = {_place(name) for name in migration.abandons}
        return Reach(dropped=frozenset(dropped | abandoned), covered=covered)
    statements = tuple(sql.read(text, dialect) for text in work)
    return Reach(
        statements=statements,
        dropped=frozenset(place for each in statements for place in _dropped(each)),
        covered=covered,
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
    if statement.concurrent or statement.kind is Kind.UNREADABLE:
        return False
    return all(
        table_of(effect) is not None and not _is_of_whole_table(effect)
        for effect in statement.effects
    )


def _is_of_whole_table(effect: Effect) -> bool:
    return effect.thing == "table" and effect.verb in {"add", "rename"}


def _dropped(statement: Statement) -> Iterator[Place]:
    for effect in statement.effects:
        if effect.verb != "drop" or effect.name is None:
            continue
        if effect.thing == "table":
            yield Place(effect.schema, effect.name)
        if effect.thing == "column" and effect.table:
            yield Place(effect.schema, effect.table, effect.name)


def _completed(transition: Transition) -> Iterator[Place]:
    """Yield what may go once *transition* is complete."""
    names = (*transition.sources, getattr(transition, "marker", None))
    for name in filter(None, names):
        yield Place(transition.schema, transition.table, name)
    if not transition.sources and not transition.targets:
        # A form of its own does not say which columns it empties, only in which tables.
        yield from (Place(transition.schema, table) for table in transition.tables)


def _place(name: str) -> Place:
    """Return the place called 'table', 'table.column' or 'schema.table.column'."""
    parts = name.split(".")
    if len(parts) == 1:
        return Place(None, name)
    schema, table, column = (None, *parts)[-3:]
    return Place(schema, str(table), column)


def _folded(name: str | None) -> str | None:
    return name.casefold() if name is not None else None
