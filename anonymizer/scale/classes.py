"""Classes: columns that must be changed alike in each copy, and the rule of each.

A reference and what it refers to are of one class: its map is that of the column that is
referred to, whatever the columns are called. A class *moves* when a key has no other column
that could tell the copies of a row apart; a class that refers to a table that is there only
once stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.column import Kind
from anonymizer.errors import PolicyError
from anonymizer.markup import CLEAR, KEEP
from anonymizer.masks.base import Distinct
from anonymizer.scale.rekey import RULES
from anonymizer.scale.roles import arrows
from anonymizer.scale.ways import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from anonymizer.column import Column, Table, TableName

Place: TypeAlias = "tuple[TableName, str]"
"""A column: its table and its name."""
_ALIKE = frozenset({"uuid", "mask", "suffix"})
"""Rules that do the same to every class."""
_EASE = ("shift", "uuid", "mask", "digits", "suffix")
"""Rules, the one first that changes least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What becomes of the columns of one class."""

    name: Place
    """One of them, by which the class goes."""
    rule: str
    columns: Mapping[TableName, tuple[str, ...]]
    """All of them, by table, that are in tables of which there are copies."""
    measured: frozenset[Place]
    """Those that have to be measured: keys. The others refer to them."""
    binary: bool
    """Whether they hold bytes, and no text."""
    bits: int
    """Size of the smallest of them, when they are numbers."""
    room: int | None
    """Characters that the one with the least room takes, when they are text and stay as is."""


def moves_of(
    tables: Sequence[Table],
    *,
    once: Collection[TableName],
    rules: Mapping[Place, str],
    distinct: Callable[[Column], Distinct],
) -> tuple[Move, ...]:
    """Return what has to be changed so that copies of *tables*, but of *once*, keep every key.

    *distinct* says what the mask of a column does to distinct values. Raises PolicyError, with a
    line for each key, when there is no rule by which its copies could be told apart.
    """
    classes = _Classes(tables, once)
    chooser = _Chooser(classes, _checked(tables, rules), distinct)
    moving: dict[Place, str] = {}
    problems = []
    copied = [table for table in tables if table.name not in once]
    keys = [(table, key) for table in copied for key in keys_of(table)]
    for table, key in sorted(keys, key=lambda each: len(each[1])):
        if any(classes.of[table.name, name] in moving for name in key):
            continue
        if any(_cleared(table, name) for name in key):
            continue
        best = chooser.best(table, key)
        if best is None:
            problems.append(chooser.why_not(table, key))
        else:
            moving[classes.of[table.name, best[0]]] = best[1]
    if problems:
        raise PolicyError(
            "rows cannot be copied: a key would be there twice",
            problems=sorted(problems),
            hint="say a rule for one of its columns (--rule), or that its table is whole (--whole)",
        )
    _along(copied, classes, moving)
    return tuple(_moves(tables, classes, moving))


def crowded(tables: Sequence[Table], once: Collection[TableName]) -> set[TableName]:
    """Return tables of *once* that other tables have keys of alone: there is no room for copies."""
    classes = _Classes(tables, once)
    found: set[TableName] = set()
    for table in tables:
        for key in keys_of(table) if table.name not in once else ():
            fixed = [classes.fixed.get(classes.of[table.name, name]) for name in key]
            found.update(each for each in fixed if each is not None and None not in fixed)
    return found


class _Classes:
    """Columns, each with one of its class that stands for all."""

    def __init__(self, tables: Sequence[Table], once: Collection[TableName]) -> None:
        self._once = once
        self._columns = {
            (table.name, each.name): each for table in tables for each in table.columns
        }
        self.of: dict[Place, Place] = {place: place for place in self._columns}
        self._members: dict[Place, list[Place]] = {place: [place] for place in self._columns}
        inner = [
            (name, reference.table, *pair)
            for name, reference in arrows(tables)
            for pair in zip(reference.columns, reference.to, strict=True)
        ]
        for name, table, column, to in inner:
            self.join((name, column), (table, to))
        self.fixed = {
            self.of[name, column]: table
            for name, table, column, _ in inner
            if table in once and name not in once
        }
        """Classes that cannot move, and the table that is there once because of which."""

    def join(self, one: Place, other: Place) -> None:
        """Make one class of those of two columns."""
        few, many = sorted((self.of[one], self.of[other]), key=lambda x: len(self._members[x]))
        if few != many:
            moved = self._members.pop(few)
            self.of.update(dict.fromkeys(moved, many))
            self._members[many] += moved

    def members(self, place: Place) -> list[tuple[Place, Column]]:
        """Return the columns of a class that are in tables of which there are copies."""
        members = self._members[self.of[place]]
        return [(each, self._columns[each]) for each in members if each[0] not in self._once]


class _Chooser:
    """Chooses the column of a key that moves, and how."""

    def __init__(
        self,
        classes: _Classes,
        rules: Mapping[Place, str],
        distinct: Callable[[Column], Distinct],
    ) -> None:
        self._classes, self._rules, self._distinct = classes, rules, distinct

    def best(self, table: Table, key: Sequence[str]) -> tuple[str, str] | None:
        """Return the column of *key* that is moved with the least ado, and its rule."""
        found = [(name, self.rule(table.name, name)) for name in key]
        able = [(name, rule) for name, rule in found if rule is not None]
        return min(able, key=lambda each: _EASE.index(each[1]), default=None)

    def rule(self, table: TableName, name: str) -> str | None:
        """Return the rule of a column: what is said of one of its class, or what its kind asks."""
        place = self._classes.of[table, name]
        if place in self._classes.fixed:
            return None
        members = self._classes.members(place)
        said = {self._rules[each] for each, _ in members if each in self._rules}
        if said:
            return min(said, key=_EASE.index)
        fitting = {self._fitting(column) for _, column in members}
        return fitting.pop() if len(fitting) == 1 else None

    def _fitting(self, column: Column) -> str | None:
        """Return the rule that the kind and the mask of *column* ask for."""
        if column.kind is Kind.INTEGER:
            return "shift"
        if column.kind is Kind.UUID or column.decision.mask == "uuid":
            return "uuid"
        masked = column.decision.mask not in {KEEP, CLEAR}
        return "mask" if masked and self._distinct(column) is Distinct.LIKELY else None

    def why_not(self, table: Table, key: Sequence[str]) -> str:
        """Return a line on a key of which no column can move."""
        where = f"{table.name} ({', '.join(key)})"
        fixed = [self._classes.fixed.get(self._classes.of[table.name, name]) for name in key]
        names = sorted({str(each) for each in fixed if each is not None})
        if names and None not in fixed:
            return f"{where} refers to {', '.join(names)}, of which there is one copy"
        free = [name for name, each in zip(key, fixed, strict=True) if each is None]
        return f"{where} has no rule: say one of {', '.join(RULES)} for {' or '.join(free)}"


def _checked(tables: Sequence[Table], rules: Mapping[Place, str]) -> Mapping[Place, str]:
    """Return *rules* when they are ones, of columns that are there."""
    places = {(table.name, each.name) for table in tables for each in table.columns}
    problems = [f"there is no column {table}.{name}" for table, name in set(rules) - places]
    problems += [
        f"{table}.{name}: there is no rule {rule!r}"
        for (table, name), rule in rules.items()
        if rule not in RULES
    ]
    problems += [
        f"{table.name}.{each.name} is not masked, so the mask cannot tell its copies apart"
        for table in tables
        for each in table.columns
        if rules.get((table.name, each.name)) == "mask" and each.decision.mask in {KEEP, CLEAR}
    ]
    if problems:
        raise PolicyError(
            "the rules for copies cannot be used",
            problems=sorted(problems),
            hint=f"there are {', '.join(RULES)}",
        )
    return rules


def _cleared(table: Table, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.decision.mask == CLEAR


def _along(copied: Sequence[Table], classes: _Classes, moving: Mapping[Place, str]) -> None:
    """Let columns move along that share the domain of what moves, where it is clear how.

    They refer to it without a foreign key; or else to move them does no harm.
    """
    domains: dict[tuple[str, Kind], set[Place]] = {}
    for place in moving:
        for _, column in classes.members(place):
            domains.setdefault((column.domain, column.kind), set()).add(place)
    for table in copied:
        for column in table.columns:
            found = domains.get((column.domain, column.kind), set())
            own = classes.of[table.name, column.name]
            alone = len(classes.members(own)) == 1
            if alone and own not in moving and own not in classes.fixed and _agree(found, moving):
                classes.join(own, min(found))


def _agree(found: Collection[Place], moving: Mapping[Place, str]) -> bool:
    """Return whether all classes of *found* move alike; numbers move as far as theirs go."""
    rules = {moving[each] for each in found}
    return len(found) == 1 or (len(rules) == 1 and rules <= _ALIKE)


def _moves(
    tables: Sequence[Table], classes: _Classes, moving: Mapping[Place, str]
) -> Iterable[Move]:
    keys = {(table.name, each) for table in tables for key in keys_of(table) for each in key} | {
        (reference.table, to) for _, reference in arrows(tables) for to in reference.to
    }
    for name, rule in moving.items():
        members = classes.members(name)
        columns: dict[TableName, tuple[str, ...]] = {}
        for (table, column), _ in members:
            columns[table] = (*columns.get(table, ()), column)
        kept = (column for _, column in members if column.decision.mask == KEEP)
        rooms = [column.length for column in kept if column.length is not None]
        yield Move(
            name=name,
            rule=rule,
            columns=columns,
            measured=frozenset(place for place, _ in members if place in keys),
            binary=all(column.kind is Kind.BINARY for _, column in members),
            bits=min((column.bits or 64 for _, column in members), default=64),
            room=min(rooms, default=None),
        )
