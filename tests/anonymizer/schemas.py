"""Schemas and rows made at random, and databases in memory that check every constraint."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st

from anonymizer.column import Column, Kind, Reference, Table, TableName
from anonymizer.key import Key
from anonymizer.markup import Decision
from anonymizer.masks.base import Distinct
from anonymizer.scale import First, Part, Scaler, Seen, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from random import Random

    from hypothesis.strategies import DrawFn

Row: TypeAlias = "tuple[Any, ...]"
Rows: TypeAlias = "Mapping[TableName, Sequence[Row]]"

FEW = settings(max_examples=25, deadline=None)

KEY = Key(b"k" * 32)
OTHER_KEY = Key(b"o" * 32)


def name_of(name: str) -> TableName:
    return TableName(None, name)


def column(name: str, kind: Kind = Kind.INTEGER, *, nullable: bool = False, **more: Any) -> Column:
    decision = more.pop("decision", Decision(mask="keep", why="a test"))
    bits = 64 if kind is Kind.INTEGER else None
    domain = more.pop("domain", name)
    return Column(
        name=name,
        kind=kind,
        bits=more.pop("bits", bits),
        nullable=nullable,
        decision=decision,
        domain=domain,
        **more,
    )


def distinct(_column: Column) -> Distinct:
    return Distinct.LIKELY


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Tables and their rows; *columns* are the names in each row, by table."""

    tables: tuple[Table, ...]
    rows: Rows

    @property
    def counts(self) -> Mapping[TableName, int]:
        return {name: len(rows) for name, rows in self.rows.items()}


def names(table: Table) -> list[str]:
    return [each.name for each in table.columns]


def ddl(table: Table) -> str:
    kinds = {Kind.INTEGER: "INTEGER", Kind.UUID: "TEXT", Kind.TEXT: "TEXT"}
    parts = [
        f"{each.name} {kinds[each.kind]}{'' if each.nullable else ' NOT NULL'}"
        f"{' UNIQUE' if each.unique else ''}"
        for each in table.columns
    ]
    for number, key in enumerate(table.keys):
        parts.append(f"{'UNIQUE' if number else 'PRIMARY KEY'} ({', '.join(key)})")
    for each in table.references:
        columns, to = ", ".join(each.columns), ", ".join(each.to)
        parts.append(f"FOREIGN KEY ({columns}) REFERENCES {each.table.name} ({to})")
    return f"CREATE TABLE {table.name.name} ({', '.join(parts)})"


def violations(sample: Sample, rows: Rows) -> list[tuple[object, ...]]:
    """Return the references that *rows* break; raises for keys that are there twice."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for table in sample.tables:
            connection.execute(ddl(table))
            marks = ", ".join("?" * len(table.columns))
            text = [
                [None if each is None else each.decode() for each in row]
                for row in rows[table.name]
            ]
            insert = f"INSERT INTO {table.name.name} VALUES ({marks})"  # noqa: S608 - our names
            connection.executemany(insert, text)
        found = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    return found


def parts_of(rows: Sequence[Row], columns: Sequence[str], size: int) -> Iterator[Part]:
    for at in range(0, len(rows), size):
        yield Part.of(rows[at : at + size], columns)


def scaler_of(sample: Sample, size: Size, *, key: Key = KEY) -> Scaler:
    return Scaler.of(sample.tables, size, key=key, distinct=distinct)


def seen_of(
    scaler: Scaler,
    sample: Sample,
    *,
    size: int = 1000,
    order: Sequence[TableName] = (),
    close: bool = False,
) -> Seen:
    """Return what a first reading finds, in parts of *size* rows, of tables in *order*."""
    first = First(scaler)
    tables = {table.name: table for table in sample.tables}
    for name in order or scaler.looks:
        if name not in scaler.looks:
            continue
        wanted = scaler.look_needs(name)
        for part in parts_of(sample.rows[name], names(tables[name]), size):
            values = {each: part.values[each] for each in wanted}
            nulls = {each: part.nulls[each] for each in wanted}
            first.add(scaler.look(name, Part(count=part.count, values=values, nulls=nulls)))
        if close:
            first.close(name)
    return first.seen()


def scaled(
    sample: Sample, scaler: Scaler, *, seen: Seen | None = None, size: int = 1000
) -> dict[TableName, list[Row]]:
    """Return the rows that *scaler* makes of a sample's, in parts of *size* rows."""
    known = seen or seen_of(scaler, sample, size=size)
    found: dict[TableName, list[Row]] = {}
    for table in sample.tables:
        out: list[Row] = []
        found[table.name] = out
        for copy in scaler.copies_of(table.name):
            for part in parts_of(sample.rows[table.name], names(table), size):
                out += rows_out(scaler, table, copy, part, known)
    return found


def rows_out(scaler: Scaler, table: Table, copy: int, part: Part, seen: Seen) -> list[Row]:
    wanted = scaler.needs(table.name)
    few = Part(
        count=part.count,
        values={each: part.values[each] for each in wanted},
        nulls={each: part.nulls[each] for each in wanted},
    )
    kept = scaler.keep(table.name, copy, few, seen)
    new = scaler.columns(table.name, copy, few, seen)
    columns = []
    for name in names(table):
        values = new.get(name, part.values[name]).to_list()
        null = part.nulls[name] | kept.emptied.get(name, part.nulls[name])
        columns.append([None if gone else each for each, gone in zip(values, null, strict=True)])
    return [row for row, stays in zip(zip(*columns, strict=True), kept.rows, strict=True) if stays]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a table shall look like."""

    kind: str
    token: bool
    rows: int
    references: tuple[tuple[int, bool, bool], ...]
    """Number of the table, whether to its UUID, whether it may be NULL."""


@st.composite
def samples(draw: DrawFn, *, most_rows: int = 25) -> Sample:
    """Draw up to six tables that refer to each other in any way, and their rows."""
    count = draw(st.integers(1, 6))
    reference = st.tuples(st.integers(0, count - 1), st.booleans(), st.booleans())
    plans = [
        _Plan(
            kind=draw(st.sampled_from(["number", "pair", "child", "nothing"])),
            token=draw(st.booleans()),
            rows=draw(st.integers(1, most_rows)),
            references=tuple(draw(st.lists(reference, max_size=3))),
        )
        for _ in range(count)
    ]
    return _made(plans, draw(st.randoms(use_true_random=True)))


def _made(plans: Sequence[_Plan], chance: Random) -> Sample:
    tables = [_table(number, plan, plans) for number, plan in enumerate(plans)]
    keys = {
        table.name: [_own(plan, number, row, chance) for row in range(plan.rows)]
        for number, (table, plan) in enumerate(zip(tables, plans, strict=True))
    }
    rows: dict[TableName, list[Row]] = {}
    for table in tables:
        made = [_row(table, own, keys, chance) for own in keys[table.name]]
        rows[table.name] = _unique(table, made)
    return Sample(tables=tuple(tables), rows=rows)


def _table(number: int, plan: _Plan, plans: Sequence[_Plan]) -> Table:
    columns, keys, references = [], [], []
    if plan.kind in {"number", "pair"}:
        own = ["id"] if plan.kind == "number" else ["area", "number"]
        columns += [column(f"{each}_{number}") for each in own]
        keys.append(tuple(f"{each}_{number}" for each in own))
    if plan.token:
        columns.append(column(f"token_{number}", Kind.UUID, unique=True))
    for place, (target, by_token, nullable) in enumerate(plan.references):
        to = _to(target, plans[target], by_token=by_token)
        if not to:
            continue
        kind = Kind.UUID if to[0].startswith("token") else Kind.INTEGER
        own = [f"r{place}_{each}" for each in range(len(to))]
        columns += [column(each, kind, nullable=nullable) for each in own]
        references.append(Reference(columns=tuple(own), table=name_of(f"t{target}"), to=to))
        if plan.kind == "child" and not keys and not nullable:
            keys.append((*own, "line"))
            columns.append(column("line"))
    columns.append(column("note", Kind.TEXT, nullable=True))
    return Table(
        name=name_of(f"t{number}"),
        columns=tuple(columns),
        keys=tuple(keys),
        references=tuple(references),
    )


def _to(number: int, plan: _Plan, *, by_token: bool) -> tuple[str, ...]:
    """Return what can be referred to of a table, in an order that need not be the key's."""
    if plan.token and (by_token or plan.kind in {"child", "nothing"}):
        return (f"token_{number}",)
    if plan.kind == "pair":
        return (f"number_{number}", f"area_{number}")
    return (f"id_{number}",) if plan.kind == "number" else ()


def _own(plan: _Plan, number: int, row: int, chance: Random) -> dict[str, bytes]:
    return {
        f"id_{number}": b"%d" % (row * 3 - 5),
        f"area_{number}": b"%d" % (row % 3),
        f"number_{number}": b"%d" % row,
        f"token_{number}": str(uuid.UUID(int=chance.getrandbits(128))).encode(),
        "line": b"%d" % (row if plan.token else row % 2),
        "note": b"note %d" % row,
    }


def _row(
    table: Table,
    own: Mapping[str, bytes],
    keys: Mapping[TableName, list[dict[str, bytes]]],
    chance: Random,
) -> Row:
    values: dict[str, bytes | None] = dict(own)
    for reference in table.references:
        target = chance.choice(keys[reference.table])
        first = table.column(reference.columns[0])
        empty = first is not None and first.nullable and chance.random() < 0.3
        for mine, other in zip(reference.columns, reference.to, strict=True):
            values[mine] = None if empty else target[other]
    return tuple(values[name] for name in names(table))


def _unique(table: Table, rows: Sequence[Row]) -> list[Row]:
    """Return *rows* but those whose key an earlier one has: of tables nobody can refer to."""
    if not table.keys or "line" not in table.keys[0]:
        return list(rows)
    places = [names(table).index(name) for name in table.keys[0] if name]
    kept = {tuple(row[place] for place in places): row for row in reversed(rows)}
    return list(reversed(kept.values()))
