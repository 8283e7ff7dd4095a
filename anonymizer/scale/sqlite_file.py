"""A SQLite file, scaled: tables are filled anew from the original, which is only read.

It begins as a copy without free pages, whose settings and schema are those of the original.
Rows of further copies go through SQLite's own INSERT … SELECT: columns that do not change
never leave it. Where rows went, it is written once more, so that nothing of them is left.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from anonymizer.errors import DumpError
from anonymizer.output import path_aside
from anonymizer.scale.part import Part
from anonymizer.scale.scaler import First
from anonymizer.sqlite.check import explained, look
from anonymizer.sqlite.schema import STATISTICS, quoted, read_entries, read_shape
from anonymizer.sqlite.values import from_cells, to_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from anonymizer.column import Table, TableName
    from anonymizer.scale.scaler import Scaler, Seen
    from anonymizer.sqlite.values import Value
    from anonymizer.structure import Structure

BATCH = 8192
_SETTINGS = {"journal_mode": "OFF", "synchronous": "OFF", "cache_size": -32768}
_KEEP = "scaled_keep"


def rewrite(
    source: Path,
    target: Path,
    structure: Structure,
    scaler: Scaler,
    *,
    note: Callable[[str], None],
) -> Mapping[TableName, int]:
    """Write the scaled database of the file *source* to *target*; return how many rows it has.

    Nothing is at *target* until all is there, and foreign keys and indexes are looked through.
    Raises DumpError for a file that cannot be read, or whose constraints do not hold.
    """
    with path_aside(target) as aside, explained():
        _copy(source, aside)
        with closing(_connected(aside)) as connection:
            connection.execute("ATTACH ? AS source", (f"{source.absolute().as_uri()}?mode=ro",))
            for name, value in _SETTINGS.items():
                connection.execute(f"PRAGMA main.{name} = {value}")
            connection.execute("PRAGMA foreign_keys = OFF")
            job = _Job(connection, structure, scaler)
            for each in job.run():
                note(each)
            (journal,) = connection.execute("PRAGMA source.journal_mode").fetchone()
            connection.execute("DETACH source")
            if job.dropped:
                connection.execute("VACUUM")
                # It numbers rows anew that have no number of their own: indexes of text go by it.
                job.index_texts()
            if journal == "wal":
                connection.execute("PRAGMA main.journal_mode = WAL")
    return job.rows


def _copy(source: Path, aside: Path) -> None:
    with closing(_connected(source, "?mode=ro")) as original:
        original.execute("VACUUM INTO ?", (str(aside),))
    with closing(_connected(aside)) as copy:
        # One in WAL mode would write beside itself.
        copy.execute("PRAGMA journal_mode = DELETE")


def _connected(path: Path, how: str = "") -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}{how}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


class _Job:
    """Fills the tables of a copy anew."""

    def __init__(
        self, connection: sqlite3.Connection, structure: Structure, scaler: Scaler
    ) -> None:
        self.rows: Counter[TableName] = Counter()
        self.dropped = False
        self._connection, self._scaler = connection, scaler
        self._tables = structure.tables

    def run(self) -> Iterator[str]:
        """Do it all; yield what is to be noted."""
        entries = read_entries(self._connection, "main")
        aside = [each for each in entries if each.type in {"trigger", "index"} and each.sql]
        self._connection.execute("BEGIN")
        seen = self._learnt()
        for each in aside:
            self._connection.execute(f"DROP {each.type} main.{quoted(each.name)}")
        for table in self._tables:
            with explained(table.name.name):
                self._fill(table, seen)
        self._count_on(seen)
        for each in sorted(aside, key=lambda entry: entry.type == "trigger"):
            self._connection.execute(each.sql or "")
        for name in self.index_texts():
            yield f"the virtual table {name} is as it was: its rows were not scaled"
        self._connection.execute("COMMIT")
        if any(each.name == STATISTICS for each in entries):
            self._connection.execute("ANALYZE main")
        yield from look(self._connection)

    def _learnt(self) -> Seen:
        first = First(self._scaler)
        for name in self._scaler.looks:
            table = next(each for each in self._tables if each.name == name)
            with self._reading():
                for part, _ in self._parts(table, self._scaler.look_needs(name)):
                    first.add(self._scaler.look(name, part))
            first.close(name)
        return first.seen()

    def _parts(
        self, table: Table, wanted: Sequence[str]
    ) -> Generator[tuple[Part, Mapping[str, Sequence[Value]]]]:
        """Yield the *wanted* columns of some rows after the other, read and as they are."""
        columns = ", ".join(map(quoted, wanted)) or "NULL"
        cursor = self._connection.cursor()
        cursor.execute(f"SELECT {columns} FROM source.{quoted(table.name.name)} NOT INDEXED")  # noqa: S608
        while rows := cursor.fetchmany(BATCH):
            originals = dict(zip(wanted, zip(*rows, strict=True), strict=False))
            cells = {each: to_cells(column) for each, column in originals.items()}
            values = {each: found for each, (found, _) in cells.items()}
            nulls = {each: found for each, (_, found) in cells.items()}
            yield Part(count=len(rows), values=values, nulls=nulls), originals

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Have texts read as the bytes that they are."""
        self._connection.text_factory = bytearray
        try:
            yield
        finally:
            self._connection.text_factory = str

    def _fill(self, table: Table, seen: Seen) -> None:
        """Write the rows of all copies; where the first is whole, it is there already."""
        name = table.name
        copies = self._scaler.copies_of(name)
        if self._scaler.is_whole(name, 0):
            copies = copies[1:]
            counting = f"SELECT count(*) FROM main.{quoted(name.name)}"  # noqa: S608
            (self.rows[name],) = self._connection.execute(counting).fetchone()
        else:
            self._connection.execute(f"DELETE FROM main.{quoted(name.name)}")  # noqa: S608
            self.dropped = True
        for copy in copies:
            self._insert(table, copy, seen)

    def _insert(self, table: Table, copy: int, seen: Seen) -> None:
        """Write the rows of one copy; their new values come from a second reading of them."""
        name, shape = table.name, read_shape(self._connection, table.name.name)
        feed = _Feed(self._scaler, table, copy, seen)
        number = [shape.rowid] if shape.rowid and copy == 0 else []
        values = [feed.written(each) for each in shape.columns]
        parts = self._parts(table, self._scaler.needs(name))
        for function, give in feed.functions(parts):
            self._connection.create_function(function, 0, give)
        names = ", ".join([*number, *map(quoted, shape.columns)])
        chosen = ", ".join([*number, *values])
        statement = (
            f"INSERT INTO main.{quoted(name.name)} ({names}) SELECT {chosen}"  # noqa: S608
            f" FROM source.{quoted(name.name)} NOT INDEXED"
        )
        if not self._scaler.is_whole(name, copy):
            statement += f" WHERE {_KEEP}()"
        try:
            with self._reading():
                inserted = self._connection.execute(statement)
        except sqlite3.Error:
            if feed.error is None:
                raise
            raise feed.error from None
        finally:
            parts.close()
        self.rows[name] += inserted.rowcount

    def _count_on(self, seen: Seen) -> None:
        """Set AUTOINCREMENT behind the last of all copies."""
        by_name = {each.name.name: each for each in self._tables}
        has = self._connection.execute(
            "SELECT 1 FROM source.sqlite_master WHERE name = 'sqlite_sequence'"
        ).fetchone()
        counters = "SELECT name, seq FROM source.sqlite_sequence"
        for name, last in self._connection.execute(counters).fetchall() if has else ():
            table = by_name.get(name)
            column = table.keys[0][0] if table and table.keys else None
            if table and column:
                last = self._scaler.sequence(table.name, column, last, seen)
            self._connection.execute(
                "UPDATE main.sqlite_sequence SET seq = ? WHERE name = ?", (last, name)
            )

    def index_texts(self) -> Sequence[str]:
        """Make indexes of text anew where their text is that of a table; return what is left."""
        left = []
        for each in read_entries(self._connection, "main"):
            if not each.module:
                continue
            if each.module.startswith("fts") and each.options.get("content"):
                table = quoted(each.name)
                self._connection.execute(f"INSERT INTO {table}({table}) VALUES ('rebuild')")  # noqa: S608
            else:
                left.append(each.name)
        return left


class _Feed:
    """Says row by row whether it stays, and gives its new values."""

    def __init__(self, scaler: Scaler, table: Table, copy: int, seen: Seen) -> None:
        self._scaler, self._table, self._copy, self._seen = scaler, table, copy, seen
        self.error: DumpError | None = None
        self._changed: dict[str, str] = {}
        empty = Part.of([], scaler.needs(table.name))
        kept = scaler.keep(table.name, copy, empty, seen)
        for name in [*scaler.columns(table.name, copy, empty, seen), *kept.emptied]:
            self._changed.setdefault(name, f"scaled_{len(self._changed)}")

    def written(self, column: str) -> str:
        """Return what stands for *column* in a SELECT."""
        return f"{self._changed[column]}()" if column in self._changed else quoted(column)

    def functions(
        self, parts: Iterator[tuple[Part, Mapping[str, Sequence[Value]]]]
    ) -> Iterator[tuple[str, Callable[[], Value]]]:
        """Yield what SQLite calls for each row, and for each new value of a row that stays."""
        held: dict[str, list[Value]] = {name: [] for name in self._changed}
        stays: list[bool] = []

        def taker(waiting: list[Any]) -> Callable[[], Value]:
            def take() -> Value:
                if not waiting:  # what was read for one was read for all
                    self._read(*next(parts), stays, held)
                value: Value = waiting.pop()
                return value

            return take

        yield _KEEP, taker(stays)
        for name, function in self._changed.items():
            yield function, taker(held[name])

    def _read(
        self,
        part: Part,
        originals: Mapping[str, Sequence[Value]],
        stays: list[bool],
        held: Mapping[str, list[Value]],
    ) -> None:
        """Take the next rows, the last of them first: what is at the end of a list is taken."""
        name = self._table.name
        try:
            kept = self._scaler.keep(name, self._copy, part, self._seen)
            new = self._scaler.columns(name, self._copy, part, self._seen)
        except DumpError as error:
            self.error = error
            raise
        which = np.flatnonzero(kept.rows)[::-1]
        if not self._scaler.is_whole(name, self._copy):
            stays += kept.rows[::-1].tolist()
        for column, values in held.items():
            old = [originals[column][row] for row in which]
            written = from_cells(new[column].take(which), old, column) if column in new else old
            if column in kept.emptied:
                gone = kept.emptied[column][which]
                pairs = zip(written, gone, strict=True)
                written = [None if none else each for each, none in pairs]
            values += written
