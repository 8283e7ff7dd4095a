"""SQLite files of tests: what is in one, and decisions for each column of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Column, Table, TableName
from anonymizer.engine import Engine
from anonymizer.key import Key
from anonymizer.markup import Decision
from anonymizer.masks.base import Distinct
from anonymizer.sqlite.file import rewrite_file
from anonymizer.stream import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anonymizer.masks.base import Replace, Setting

KEY = Key(bytes(range(32)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Gives what it takes: the way there and back has to change nothing."""

    name: ClassVar[str] = "same"
    needs: ClassVar[tuple[str, ...]] = ()

    def refuses(self, column: Column) -> str | None:  # noqa: ARG002
        return None

    def distinct(self, column: Column) -> Distinct:  # noqa: ARG002
        return Distinct.KEPT

    def bind(self, setting: Setting) -> Replace:  # noqa: ARG002
        return lambda values, _others: values


@dataclass(frozen=True, slots=True, kw_only=True)
class Backward(Same):
    """Turns a value round."""

    name: ClassVar[str] = "backward"

    @override
    def bind(self, setting: Setting) -> Replace:
        return lambda values, _others: Cells.of(each[::-1] for each in values.to_list())


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike(Same):
    """Makes all values one."""

    name: ClassVar[str] = "alike"

    @override
    def bind(self, setting: Setting) -> Replace:
        return lambda values, _others: Cells.of([b"word"] * len(values))


MASKS = (Same, Backward, Alike)


@dataclass(frozen=True, slots=True)
class Decisions:
    """All columns of a file: what *chosen* names as TABLE.COLUMN is masked, all else kept."""

    path: Path
    chosen: Mapping[str, str] = field(default_factory=dict)
    """TABLE.COLUMN, or * for all, → mask."""
    unknown: frozenset[str] = frozenset()

    def find(self, name: TableName) -> Table | None:
        if name.name in self.unknown:
            return None
        with closing(sqlite3.connect(self.path)) as connection:
            quoted = name.name.replace('"', '""')
            rows = connection.execute(f'PRAGMA table_xinfo("{quoted}")').fetchall()
        columns = tuple(
            Column(name=row[1], domain="d", decision=self._decision(f"{name.name}.{row[1]}"))
            for row in rows
        )
        return Table(name=name, columns=columns)

    def _decision(self, column: str) -> Decision:
        return Decision(mask=self.chosen.get(column, self.chosen.get("*", "keep")))


def rewrite(source: Path, target: Path, **options: Any) -> tuple[tuple[str, ...], Tally]:
    """Rewrite a file with the decisions *options*; return the notes and the tally."""
    tally = Tally()
    engine = Engine(plan=Decisions(source, **options), key=KEY)
    return rewrite_file(source, target, engine, tally), tally


def make(path: Path, script: str) -> None:
    """Make a file of the statements of *script*."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def query(path: Path, statement: str) -> list[Any]:
    """Return the rows of *statement* on the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return connection.execute(statement).fetchall()


def dump(path: Path) -> list[str]:
    """Return the file as statements."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
        return list(connection.iterdump())


def schema(path: Path) -> list[Any]:
    """Return the lines of the schema table in their order, but for where pages are."""
    return query(path, "SELECT rowid, type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")


HEADER = ("page_size", "encoding", "auto_vacuum", "user_version", "application_id", "journal_mode")


def header(path: Path) -> list[Any]:
    """Return what a file says of itself."""
    return [query(path, f"PRAGMA {name}") for name in HEADER]
