"""Wanted: what a user says of tables, columns and keys, and what is found where nothing is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymizer.column import Kind
from anonymizer.errors import PolicyError
from anonymizer.masks.base import Distinct
from anonymizer.masks.find import near
from anonymizer.scale.rekey import RULES
from anonymizer.scale.roles import Wishes
from anonymizer.scale.scaler import Scaler, Size
from anonymizer.scale.ways import keys_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anonymizer.column import Column, Table, TableName
    from anonymizer.key import Key
    from anonymizer.scale.classes import Place
    from anonymizer.structure import Structure, Survey

UUID_LENGTHS = {Kind.TEXT: 36, Kind.BINARY: 16}
"""Lengths that are taken for those of UUIDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A size, and what is said on how to get there: tables and columns as a user writes them."""

    factor: float
    roots: Sequence[str] = ()
    whole: Sequence[str] = ()
    cut: Sequence[str] = ()
    follow: Sequence[str] = ()
    """References, as orders.user_id, or orders.tenant,user_id."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """Column → rule."""
    small: int | None = None

    def scaler(self, survey: Survey, key: Key) -> Scaler:
        """Return what carries this out on the data of *survey*.

        Raises PolicyError when it cannot be done, with a line for each reason.
        """
        names = _Names(survey.structure)
        said = {names.column(place): rule for place, rule in self.rules.items()}
        wishes = Wishes(
            roots=frozenset(map(names.table, self.roots)),
            whole=frozenset(map(names.table, self.whole)),
            cut=frozenset(map(names.columns, self.cut)),
            follow=frozenset(map(names.columns, self.follow)),
            small=self.small,
        )
        size = Size(
            factor=self.factor,
            rows=survey.rows,
            wishes=wishes,
            rules={**dict(_found_rules(survey.structure)), **said},
            fold=survey.structure.fold,
        )
        found = Scaler.of(survey.structure.tables, size, key=key, distinct=_kept)
        _check_parts(survey.structure, found)
        return found


def _kept(_column: Column) -> Distinct:
    """Say what becomes of distinct values of a column that is not masked."""
    return Distinct.KEPT


def _found_rules(structure: Structure) -> Iterator[tuple[Place, str]]:
    """Yield rules for columns of keys that hold no whole numbers, where their types suggest one.

    A number is preferred to them, wherever a key has one.
    """
    for table in structure.tables:
        for name in dict.fromkeys(each for key in keys_of(table) for each in key):
            column = table.column(name)
            place = table.name, name
            rule = column and place not in structure.prefixes and _rule(column)
            if rule:
                yield place, rule


def _rule(column: Column) -> str | None:
    if column.kind is Kind.NUMBER:
        return "shift" if column.scale == 0 else None
    if column.kind in UUID_LENGTHS and column.length == UUID_LENGTHS[column.kind]:
        return "uuid"
    return "suffix" if column.kind is Kind.TEXT else None


def _check_parts(structure: Structure, scaler: Scaler) -> None:
    """Raise PolicyError where a row with another key could be in no part of its table."""
    moved = {
        (table, column)
        for move in scaler.multiplier.moves
        for table, columns in move.columns.items()
        for column in columns
    }
    problems = [
        f"{table} is in parts by {column}, which is another in each copy"
        for table, column in sorted(structure.parted & moved)
    ]
    if problems:
        raise PolicyError(
            "rows of copies would be in no part of their table",
            problems=problems,
            hint="give --rule for another column of its keys, or --whole for the table",
        )


class _Names:
    """Finds tables and columns by what a user calls them."""

    def __init__(self, structure: Structure) -> None:
        self._tables: dict[str, list[Table]] = {}
        for table in structure.tables:
            for name in {str(table.name), table.name.name}:
                self._tables.setdefault(name, []).append(table)

    def table(self, said: str) -> TableName:
        """Return the table called *said*, with its schema or without."""
        return self._table(said).name

    def column(self, said: str) -> Place:
        """Return the column called *said*: its table and its name."""
        place, columns = self.columns(said)
        return place, columns[0]

    def columns(self, said: str) -> tuple[TableName, tuple[str, ...]]:
        """Return the columns of one table that *said* names, with commas between."""
        table_name, _, listed = said.rpartition(".")
        if not table_name:
            raise PolicyError(f"{said!r} names no column", hint="expected TABLE.COLUMN")
        table, columns = self._table(table_name), tuple(listed.split(","))
        known = [each.name for each in table.columns]
        for each in columns:
            if each not in known:
                raise PolicyError(f"there is no column {table.name}.{each}", hint=near(each, known))
        return table.name, columns

    def _table(self, said: str) -> Table:
        found = self._tables.get(said, [])
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(str(each.name) for each in found))
            raise PolicyError(f"there are several tables {said}", hint=f"say which: {names}")
        raise PolicyError(f"there is no table {said}", hint=near(said, list(self._tables)))


def rule_of(said: str) -> tuple[str, str]:
    """Return the column and the rule that *said*, as users.email=suffix, names."""
    column, _, rule = said.rpartition("=")
    if not column or rule not in RULES:
        rules = ", ".join(each for each in RULES if each != "mask")
        raise PolicyError(
            f"{said!r} is no rule for a column", hint=f"expected TABLE.COLUMN=RULE of {rules}"
        )
    return column, rule
