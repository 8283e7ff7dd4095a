"""What a contract takes away: columns and tables with their data, and writes that it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.lint.made import Made

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migrator.lint.project import Project, Rendered
    from migrator.migration import Migration
    from migrator.sql import Effect

_HOLDS_ROWS = frozenset({"table", "partition", "schema", "database", "materialized view"})
_NARROWER = frozenset({"not null", "type", "definition"})
_CONSTRAINTS = frozenset({"check", "unique", "foreign key", "primary key", "exclude"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that a contract takes away."""

    what: str
    """As a person would say it: 'drops flavors.memory_mb'."""
    table: str | None
    """None when it cannot be read."""
    columns: frozenset[str] = frozenset()
    """Columns of it, one of which has to be accounted for; empty for the whole table."""


def losses(rendered: Rendered, tables: Mapping[str, frozenset[str]]) -> Iterator[Loss]:
    """Yield what the statements of *rendered* take away.

    *tables* are the columns of those that earlier migrations made. A table that is
    written anew under its own name, as SQLite needs it, loses only the columns that are
    not in the new one.
    """
    made = Made(rendered.dialect.syntax)
    rebuilt = _rebuilt(rendered)
    for statement in rendered.statements:
        made.add(statement)
        for effect in statement.effects:
            if (effect.schema, effect.table or effect.name) in made.tables:
                continue
            if effect.name is not None and effect.name in rebuilt and effect.thing == "table":
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


def covered(project: Project, migration: Migration) -> dict[str, frozenset[str] | None]:
    """Return what *migration* accounts for: table → columns, or None for the whole table."""
    found: dict[str, frozenset[str] | None] = {}
    for transition in project.completed(migration):
        marker = getattr(transition, "marker", None)
        names = (*transition.sources, *transition.targets, *([marker] if marker else []))
        for name in names:
            _cover(found, name if "." in name else f"{transition.table}.{name}")
        if not names:
            # A form of its own does not say which columns it empties, only in which tables.
            found.update(dict.fromkeys(map(_folded, transition.tables)))
    for name in migration.abandons:
        _cover(found, name)
    return found


def _cover(found: dict[str, frozenset[str] | None], name: str) -> None:
    """Add table, table.column or schema.table.column to what is accounted for."""
    parts = [_folded(part) for part in name.split(".")]
    if len(parts) == 1:
        found[parts[0]] = None
        return
    table, column = parts[-2:]
    before = found.get(table, frozenset())
    found[table] = None if before is None else before | {column}


def is_covered(loss: Loss, places: Mapping[str, frozenset[str] | None]) -> bool:
    """Return whether *places* account for *loss*."""
    if loss.table is None:
        return False
    table = _folded(loss.table)
    columns = places.get(table, frozenset())
    if columns is None:
        return True
    return any(_folded(column) in columns for column in loss.columns)


def _rebuilt(rendered: Rendered) -> dict[str, str]:
    """Return the tables that are dropped and made anew: name → the one that takes its place."""
    effects = list(rendered.effects)
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
    return Loss(what=what, table=effect.table, columns=frozenset(effect.columns))


def _altered(effect: Effect) -> Loss | None:
    """Return what a change takes away; relaxing a column takes away nothing."""
    if effect.thing == "table":
        return _of(effect, f"changes rows or the storage of {_called(effect)}")
    narrows = effect.thing == "column" and effect.detail in _NARROWER
    return _of(effect, f"narrows {_called(effect)}") if narrows else None


def _dropped(effect: Effect) -> Loss | None:
    """Return what a drop takes away."""
    if effect.name is None and effect.thing not in ("index", "constraint", "primary key"):
        return Loss(what=f"drops a {effect.thing} whose name cannot be read", table=None)
    if effect.thing == "column" or effect.thing in _HOLDS_ROWS:
        return _of(effect, f"drops {_called(effect)}")
    return None


def _of(effect: Effect, what: str) -> Loss:
    """Return the loss of a column, or of a whole table."""
    if effect.thing == "column" and effect.name:
        return Loss(what=what, table=effect.table, columns=frozenset({effect.name}))
    return Loss(what=what, table=effect.table or effect.name)


def _called(effect: Effect) -> str:
    """Return the name of what *effect* is about."""
    thing = "" if effect.thing in ("table", "column") else f"{effect.thing} "
    names = (each for each in (effect.schema, effect.table, effect.name) if each)
    return thing + (".".join(names) or "what cannot be read")


def _folded(name: str | None) -> str:
    """Return *name* without regard to case."""
    return (name or "").casefold()
