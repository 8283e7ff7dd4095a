"""Structure: every table of a dump, and what holds between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.column import Column, Kind, Table
from anonymizer.markup import KEEP, Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anonymizer.column import Reference, TableName
    from anonymizer.plan.kinds import Facts

KEPT = Decision(mask=KEEP, why="its structure is looked at, and nothing is masked")
Place: TypeAlias = "tuple[TableName, str]"
"""A column: its table and its name."""
_WORD = re.compile(r"\w+")


@dataclass(slots=True, kw_only=True)
class TableDraft:
    """One table, as far as its statements were read."""

    columns: dict[str, tuple[Facts, bool]] = field(default_factory=dict)
    """Name → what its type says, and whether it may be NULL."""
    keys: list[tuple[str, ...]] = field(default_factory=list)
    """The primary key first, if there is one."""
    references: list[Reference] = field(default_factory=list)

    def named_in(self, expression: str) -> tuple[str, ...]:
        """Return the columns that *expression*, SQL, names."""
        text = expression.lower()
        words = set(_WORD.findall(text))
        odd = (each for each in self.columns if not _WORD.fullmatch(each) and each.lower() in text)
        return (*(each for each in self.columns if each.lower() in words), *odd)

    def table(self, name: TableName) -> Table:
        """Return the table; its first key may not be NULL."""
        keys = tuple(
            dict.fromkeys(key for key in self.keys if key and set(key) <= set(self.columns))
        )
        single = {key[0] for key in keys if len(key) == 1}
        columns = tuple(
            Column(
                name=each,
                kind=facts.kind,
                length=facts.length,
                bits=facts.bits,
                scale=facts.scale,
                nullable=nullable,
                unique=each in single,
                decision=KEPT,
                domain=f"{name}.{each}",
            )
            for each, (facts, nullable) in self.columns.items()
        )
        references = tuple(dict.fromkeys(self.references))
        return Table(name=name, columns=columns, keys=keys, references=references)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Tables, without what becomes of their columns; parts of a table are that table."""

    tables: tuple[Table, ...]
    partitions: Mapping[TableName, TableName] = field(default_factory=dict)
    """A part of a table → the table."""
    parted: frozenset[Place] = frozenset()
    """Columns that say which part a row is in, where a new value may be in none."""
    prefixes: frozenset[Place] = frozenset()
    """Columns of which only the begin is unique."""
    sequences: Mapping[TableName, Place] = field(default_factory=dict)
    """PostgreSQL's sequences, and the columns that they number."""
    counters: Mapping[TableName, str] = field(default_factory=dict)
    """Columns that MySQL and SQLite number."""
    own: frozenset[TableName] = frozenset()
    """Tables that the database fills for others, as those of an index of text: left as they are."""
    fold: bool = False
    """Whether the database compares text without regard to case."""
    _found: dict[TableName, Table] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._found.update((table.name, table) for table in self.tables)

    def whole(self, name: TableName) -> TableName:
        """Return the table that *name* is a part of, or *name*."""
        seen: set[TableName] = set()
        while name in self.partitions and name not in seen:
            seen.add(name)
            name = self.partitions[name]
        return name

    def find(self, name: TableName) -> Table | None:
        """Return the table called *name*, or the one that it is a part of."""
        return self._found.get(self.whole(name))

    def joined(self, others: Iterable[Table]) -> Structure:
        """Return the structure with what *others*, of models or a policy, know beside it."""
        more = {self._alike(each.name): each for each in others}
        known = [_joined(table, more.pop(table.name, None), self) for table in self.tables]
        added = [replace(_undecided(each), name=name) for name, each in more.items()]
        return replace(self, tables=(*known, *added), _found={})

    def _alike(self, name: TableName) -> TableName:
        """Return what the data calls a table that models call *name*."""
        if name in self._found:
            return name
        schemas = (None, "public") if name.schema in (None, "public") else (name.schema,)
        found = [each for each in self._found if each.name == name.name]
        fitting = [each for each in found if each.schema in schemas] or found
        return fitting[0] if len(fitting) == 1 else name


def _joined(table: Table, other: Table | None, structure: Structure) -> Table:
    """Return *table* with the references and domains of *other*."""
    if other is None:
        return table
    names = {each.name for each in table.columns}
    known = {each.columns for each in table.references}
    references = [
        replace(each, table=structure._alike(each.table))  # noqa: SLF001 - of this module
        for each in other.references
        if each.columns not in known and set(each.columns) <= names
    ]
    columns = []
    for each in table.columns:
        said = other.column(each.name)
        uuid = said is not None and (said.decision.mask == "uuid" or said.kind is Kind.UUID)
        alike = uuid and each.kind in {Kind.TEXT, Kind.BINARY}
        columns.append(replace(each, kind=Kind.UUID) if alike else each)
    return replace(table, columns=tuple(columns), references=(*table.references, *references))


def _undecided(table: Table) -> Table:
    """Return *table* with nothing masked."""
    columns = tuple(
        replace(each, decision=KEPT, domain=f"{table.name}.{each.name}") for each in table.columns
    )
    return replace(table, columns=columns)


def folded(drafts: Mapping[TableName, TableDraft], structure: Structure) -> Sequence[Table]:
    """Return the tables of *drafts*; keys and references of parts are those of their table."""
    for name, draft in drafts.items():
        whole = drafts.get(structure.whole(name))
        if whole is not None and whole is not draft:
            whole.keys += draft.keys
            whole.references += draft.references
    named = {name: draft for name, draft in drafts.items() if name not in structure.partitions}
    tables = [draft.table(name) for name, draft in named.items()]
    return [
        replace(
            table,
            references=tuple(
                dict.fromkeys(
                    replace(each, table=structure.whole(each.table)) for each in table.references
                )
            ),
        )
        for table in tables
    ]
