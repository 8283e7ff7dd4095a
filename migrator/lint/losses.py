"""What a contract takes away: columns and tables with their data, and writes that it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from migrator.lint.made import Made

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from migrator.dialects import Dialect
    from migrator.dialects.syntax import Syntax
    from migrator.lint.project import Project, Rendered
    from migrator.sql import Effect, Statement
    from migrator.transitions import Transition

_HOLDS_ROWS = frozenset({"table", "partition", "schema", "database", "materialized view"})
_HOLDS_STATE = frozenset({"sequence"})
_NARROWER = frozenset({"not null", "type", "definition", "no default"})
_CONSTRAINTS = frozenset({"check", "unique", "foreign key", "primary key", "exclude"})
_OF_TABLES = frozenset({"column", "constraint", "index", "primary key", "trigger", "view"})
"""What takes nothing but views, keys and triggers along when it is dropped with CASCADE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that a contract takes away."""

    what: str
    """As a person would say it: 'drops flavors.memory_mb'."""
    table: str | None
    """Table, or the thing itself where it belongs to none; None when it cannot be read."""
    schema: str | None = None
    columns: frozenset[str] = frozenset()
    """Columns of it, one of which has to be accounted for; empty for the whole table."""
    narrows: bool = False
    """What is there stays; it takes fewer values than before."""


class Covered(NamedTuple):
    """A column, or a whole table, of which a contract says what became of its data."""

    schema: str | None
    table: str
    column: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a contract accounts for: what it completes, and what it abandons."""

    syntax: Syntax
    moved: frozenset[Covered] = frozenset()
    """Emptied by a transition that it completes: may go."""
    filled: frozenset[Covered] = frozenset()
    """Filled by one: may be narrowed."""
    abandoned: frozenset[str] = frozenset()
    """As the migration says it: 'table', 'table.column', with its schema or without."""

    def covers(self, loss: Loss, default: str | None = None) -> bool:
        """Return whether it says what becomes of *loss*; *default* is the schema of no name.

        Without one, as when there is no database, a schema that is not told is any.
        """
        if loss.table is None:
            return False
        places = self.moved | self.filled if loss.narrows else self.moved
        return any(self._is_of(each, loss, default) for each in places) or any(
            self._is_said(name, loss, default) for name in self.abandoned
        )

    def _is_of(self, place: Covered, loss: Loss, default: str | None) -> bool:
        same = self.syntax.same_column
        return (
            same(place.table, loss.table)
            and _same_schema(place.schema, loss.schema, default)
            and (place.column is None or any(same(place.column, each) for each in loss.columns))
        )

    def _is_said(self, name: str, loss: Loss, default: str | None) -> bool:
        same, schema = self.syntax.same_column, loss.schema or default
        spoken = [str(loss.table), *(f"{loss.table}.{each}" for each in loss.columns)]
        if _same_schema(None, loss.schema, default) and any(same(name, each) for each in spoken):
            return True
        if schema is not None:
            return any(same(name, f"{schema}.{each}") for each in spoken)
        # Of 'audit.flavors' it is the schema that tells whether this is a table or a column.
        return any(same(name.partition(".")[2], each) for each in spoken[1:])


def account(transitions: Iterable[Transition], abandons: Iterable[str], syntax: Syntax) -> Account:
    """Return what a contract that completes *transitions* and *abandons* accounts for."""
    moved: set[Covered] = set()
    filled: set[Covered] = set()
    for each in transitions:
        marker = getattr(each, "marker", None)
        moved |= {Covered(each.schema, each.table, name) for name in each.sources}
        moved |= {Covered(each.schema, each.table, marker)} if marker else set()
        filled |= {_target(each, name) for name in each.targets}
        if not each.sources and not each.targets:
            # A form of its own does not say which columns it empties, only in which tables.
            moved |= {Covered(each.schema, table, None) for table in each.tables}
    return Account(
        syntax=syntax,
        moved=frozenset(moved),
        filled=frozenset(filled),
        abandoned=frozenset(abandons),
    )


def _target(transition: Transition, name: str) -> Covered:
    """Return the place of a target, 'column' or 'table.column'."""
    table, _, column = name.rpartition(".")
    return Covered(transition.schema, table or transition.table, column)


def _same_schema(one: str | None, other: str | None, default: str | None) -> bool:
    if default is None and None in (one, other):
        return True
    return (one or default) == (other or default)


def losses(
    statements: Sequence[Statement],
    dialect: Dialect,
    tables: Mapping[str, frozenset[str]] | None = None,
) -> Iterator[Loss]:
    """Yield what *statements*, all of a contract, take away.

    A table that is written anew under its own name, as SQLite needs it, loses only the
    columns that are not in the new one. *tables* are the columns of those that earlier
    migrations made; without it, what such a table loses is for the caller to find out.
    """
    made = Made(dialect.syntax)
    rebuilt = _rebuilt([effect for each in statements for effect in each.effects])
    for statement in statements:
        made.add(statement)
        for effect in statement.effects:
            if (effect.schema, effect.table or effect.name) in made.tables:
                continue
            if effect.name is not None and effect.name in rebuilt and effect.thing == "table":
                if tables is not None:
                    yield from _narrowed(effect.name, rebuilt[effect.name], tables)
            elif loss := _loss(effect):
                yield loss


def tables_before(project: Project, rendered: Rendered) -> dict[str, frozenset[str]]:
    """Return the columns of each table that migrations before *rendered* have made."""
    tables: dict[str, frozenset[str]] = {}
    for each in project.rendered:
        if each.dialect is rendered.dialect and each.migration.number < rendered.migration.number:
            for effect in each.effects:
                _replay(effect, tables)
    return tables


def _replay(effect: Effect, tables: dict[str, frozenset[str]]) -> None:
    """Do to *tables* what *effect* did to the database."""
    name, table = _folded(effect.name), _folded(effect.table)
    if effect.thing == "column" and table in tables:
        before = tables[table]
        tables[table] = before | {name} if effect.verb == "add" else before - {name}
    if effect.thing != "table":
        return
    if effect.verb == "add":
        tables[name] = frozenset(_folded(column) for column in effect.columns)
    elif effect.verb == "drop":
        tables.pop(name, None)
    elif effect.to and name in tables:
        tables[_folded(effect.to)] = tables.pop(name)


def _rebuilt(effects: Sequence[Effect]) -> dict[str, str]:
    """Return the tables that are dropped and made anew: name → the one that takes its place."""
    added = {each.name for each in effects if (each.verb, each.thing) == ("add", "table")}
    dropped = {each.name for each in effects if (each.verb, each.thing) == ("drop", "table")}
    return {
        each.to: each.name
        for each in effects
        if each.verb == "rename" and each.thing == "table" and each.to in dropped
        if each.to is not None and each.name in added and each.name is not None
    }


def _narrowed(name: str, replaced_by: str, tables: Mapping[str, frozenset[str]]) -> Iterator[Loss]:
    """Yield what *name* loses when *replaced_by* takes its place."""
    before, after = tables.get(_folded(name)), tables.get(_folded(replaced_by))
    if before is None or after is None:
        yield Loss(what=f"writes {name} anew", table=name)
        return
    for column in sorted(before - after):
        yield Loss(what=f"drops {name}.{column}", table=name, columns=frozenset({column}))


def _loss(effect: Effect) -> Loss | None:
    """Return what *effect* takes away, None when it is nothing that holds data."""
    takers = {"add": _refusing, "alter": _altered, "drop": _dropped, "rename": _renamed}
    taker = takers.get(effect.verb)
    return taker(effect) if taker else None


def _renamed(effect: Effect) -> Loss | None:
    """Return what a rename takes away: the old name."""
    named = effect.thing in ("table", "column")
    return _of(effect, f"renames {_called(effect)}") if named else None


def _refusing(effect: Effect) -> Loss | None:
    """Return that a new constraint refuses writes that the running code could do."""
    if effect.thing not in ("constraint", "index") or effect.detail not in _CONSTRAINTS:
        return None
    what = f"refuses writes to {effect.table} by a new {effect.detail} {effect.thing}"
    columns = frozenset(effect.columns)
    return Loss(what=what, schema=effect.schema, table=effect.table, columns=columns, narrows=True)


def _altered(effect: Effect) -> Loss | None:
    """Return what a change takes away; relaxing a column takes away nothing."""
    if effect.thing == "table":
        return _of(effect, f"changes rows or the storage of {_called(effect)}")
    narrows = effect.thing in ("type", "domain") or (
        effect.thing == "column" and effect.detail in _NARROWER
    )
    return _of(effect, f"narrows {_called(effect)}", narrows=True) if narrows else None


def _dropped(effect: Effect) -> Loss | None:
    """Return what a drop takes away."""
    if effect.name is None and effect.thing not in ("index", "constraint", "primary key"):
        return Loss(what=f"drops a {effect.thing} whose name cannot be read", table=None)
    if effect.thing == "column" or effect.thing in _HOLDS_ROWS | _HOLDS_STATE:
        return _of(effect, f"drops {_called(effect)}")
    if effect.detail == "cascade" and effect.thing not in _OF_TABLES:
        what = f"drops {_called(effect)} and, with CASCADE, columns that it does not name"
        return Loss(what=what, table=None)
    return None


def _of(effect: Effect, what: str, *, narrows: bool = False) -> Loss:
    """Return the loss of a column, or of a whole table."""
    if effect.thing == "column" and effect.name:
        columns = frozenset({effect.name})
        return Loss(
            what=what, schema=effect.schema, table=effect.table, columns=columns, narrows=narrows
        )
    table = effect.table or effect.name
    return Loss(what=what, schema=effect.schema, table=table, narrows=narrows)


def _called(effect: Effect) -> str:
    """Return the name of what *effect* is about."""
    thing = "" if effect.thing in ("table", "column") else f"{effect.thing} "
    names = (each for each in (effect.schema, effect.table, effect.name) if each)
    return thing + (".".join(names) or "what cannot be read")


def _folded(name: str | None) -> str:
    """Return *name* without regard to case."""
    return (name or "").casefold()
