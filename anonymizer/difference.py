"""Difference: some rows before and after, side by side, for the person with access."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias

from rich.table import Table as Grid
from rich.text import Text as Line

from anonymizer.errors import AnonymizerError, PolicyError
from anonymizer.markup import KEEP
from anonymizer.reading import Chunk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from rich.console import Console

    from anonymizer.column import TableName
    from anonymizer.reading import Known, Part, Values

ROWS = 3
"""Rows of each table that are shown, when nothing else is said."""
LONGEST = 1000
"""Characters of a value that are shown at the most, however wide the terminal is."""
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_DELETE = 0x7F
_PICTURES = 0x2400
"""Where Unicode has a picture for each control character of ASCII."""

Row: TypeAlias = "dict[str, bytes | None]"
"""Column → value; None is NULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value before and after."""

    column: str
    masked: bool
    before: bytes | None
    after: bytes | None

    @property
    def changed(self) -> bool:
        """Whether it is another value now."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDifference:
    """One row before and after."""

    table: TableName
    number: int
    """Its place in the table, counted from 1."""
    fields: tuple[Field, ...]
    lost: bool = False
    """Whether the output has no row in this place."""


def differences(  # noqa: PLR0913 - two sides, and what is wanted of them
    original: Iterable[Part],
    output: Iterable[Part],
    plan: Known,
    *,
    tables: Collection[str] = (),
    columns: Collection[str] = (),
    rows: int = ROWS,
) -> Iterator[RowDifference]:
    """Yield the first *rows* of each table, before and after, in the order of the original.

    Rows belong together by their place in the table. *tables*, as "public.users" or "users",
    and *columns* say what is wanted; all of them if nothing is said. Raises PolicyError for a
    name that is not in the original.
    """
    before = _first(original, plan, tables, rows)
    after = _first(output, plan, tables, rows)
    _refuse_unknown(before, tables, columns)
    for table, found in before.items():
        others = after.get(table, [])
        for number, (row, other) in enumerate(zip_longest(found, others[: len(found)]), 1):
            fields = tuple(
                Field(
                    column=name,
                    masked=_is_masked(plan, table, name),
                    before=value,
                    after=None if other is None else other.get(name),
                )
                for name, value in row.items()
                if not columns or name in columns
            )
            yield RowDifference(table=table, number=number, fields=fields, lost=other is None)


def show(found: Iterable[RowDifference], console: Console, *, force: bool = False) -> None:
    """Print rows before and after on a terminal, as wide as it is.

    Raises AnonymizerError when *console* writes to anything else, where real values would
    stay, unless that is forced.
    """
    if not force and not console.file.isatty():
        raise AnonymizerError(
            "real values would be written to what is no terminal",
            hint="if you are sure who can read it, use --force",
        )
    table = None
    for row in found:
        if row.table != table:
            table = row.table
            console.print(Line(str(table), style="bold"))
        console.print(_grid(row, console.width))


def visible(value: bytes | None) -> str:
    """Return *value* as it can be shown: control characters visible, NULL told from 'NULL'."""
    if value is None:
        return "NULL"
    text = value[: 4 * LONGEST].decode("utf-8", "backslashreplace")
    shown = "".join(_letter(each) for each in text[:LONGEST])
    if shown in {"", "NULL"}:
        return f"'{shown}'"
    return shown if len(text) <= LONGEST else f"{shown}…"


def _grid(row: RowDifference, width: int) -> Grid:
    grid = Grid(width=width, box=None, pad_edge=False)
    for title, ratio in ((f"row {row.number}", 2), ("before", 3), ("after", 3)):
        grid.add_column(
            title, no_wrap=True, overflow="ellipsis", ratio=ratio, header_style="underline"
        )
    for field in row.fields:
        style = _style(field, lost=row.lost)
        after = "(no such row)" if row.lost else visible(field.after)
        name = Line(visible(field.column.encode()), style="bold" if field.masked else "dim")
        before = Line(visible(field.before), style="" if field.masked else "dim")
        grid.add_row(name, before, Line(after, style=style))
    return grid


def _style(field: Field, *, lost: bool) -> str:
    """Return how what became of a value stands out: red where it should not be so."""
    if lost:
        return "red"
    if not field.masked:
        return "red" if field.changed else "dim"
    return "green" if field.changed or field.before is None else "yellow"


def _first(
    parts: Iterable[Part], plan: Known, tables: Collection[str], rows: int
) -> dict[TableName, list[Row]]:
    """Return the first *rows* of each table that is wanted; read no further than needed."""
    found: dict[TableName, list[Row]] = {}
    for part in parts:
        if not isinstance(part, Chunk):
            continue
        known = plan.find(part.table)
        table = known.name if known else part.table
        if not _is_wanted(table, tables):
            continue
        held = found.setdefault(table, [])
        if len(held) < rows:
            held.extend(_rows(part, rows - len(held)))
        if tables and len(found) == len(tables) and all(len(e) >= rows for e in found.values()):
            break
    return found


def _rows(chunk: Chunk, count: int) -> list[Row]:
    count = min(count, chunk.count)
    read: list[Row] = [dict.fromkeys(chunk.columns) for _ in range(count)]
    for name, values in chunk.values.items():
        for row, value in _values(values, count):
            read[row][name] = value
    return read


def _values(values: Values, count: int) -> Iterator[tuple[int, bytes]]:
    which = values.rows < count
    return zip(values.rows[which].tolist(), values.cells.take(which).to_list(), strict=True)


def _is_wanted(table: TableName, tables: Collection[str]) -> bool:
    return not tables or str(table) in tables or table.name in tables


def _is_masked(plan: Known, table: TableName, name: str) -> bool:
    known = plan.find(table)
    column = known.column(name) if known else None
    return column is not None and column.decision.mask != KEEP


def _refuse_unknown(
    found: dict[TableName, list[Row]], tables: Collection[str], columns: Collection[str]
) -> None:
    names = {name for table in found for name in (str(table), table.name)}
    held = {name for rows in found.values() for row in rows for name in row}
    for kind, wanted, known in (("table", tables, names), ("column", columns, held)):
        unknown: Sequence[str] = [each for each in wanted if each not in known]
        if unknown:
            raise PolicyError(f"no {kind} {unknown[0]} has rows in the original")


def _letter(letter: str) -> str:
    """Return *letter*, or something in its place that can be seen and does nothing."""
    point = ord(letter)
    if point < ord(" "):
        return chr(_PICTURES + point)
    if point == _DELETE:
        return "␡"
    if unicodedata.category(letter) in _HIDDEN:
        return f"\\u{point:04x}"
    return letter
