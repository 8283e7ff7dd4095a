"""Run: a dump scaled into another, in two or three readings; nothing half done is left.

The first reading looks at the structure and counts rows. A second one learns which rows stay
that others refer to, and how far keys go: only of the tables of which that has to be known.
The last one writes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from anonymizer.container import (
    Archive,
    Database,
    Folder,
    Pipe,
    SQLiteFile,
    TextFile,
    container,
)
from anonymizer.dumps import pg_custom, pg_directory
from anonymizer.errors import AnonymizerError
from anonymizer.memory import keep_memory
from anonymizer.progress import shown
from anonymizer.scale import sqlite_file
from anonymizer.scale.rows import Rescaler, look
from anonymizer.scale.scaler import First, Seen
from anonymizer.scale.sequences import Sequences
from anonymizer.structure import opened, survey
from anonymizer.structure.survey import ONCE
from anonymizer.target import path_of, raw, refuse_kind, refuse_target, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from anonymizer.column import Table, TableName
    from anonymizer.container import Container
    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.pg_contents import Contents
    from anonymizer.dumps.pg_directory import DataFile
    from anonymizer.key import Key
    from anonymizer.scale.scaler import Scaler
    from anonymizer.scale.wanted import Wanted
    from anonymizer.structure import Structure

    Text = bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is scaled, where to, and by what."""

    source: str
    """Path of a dump, or of a SQLite file."""
    target: str | None
    """Path, URL of an empty database, or `-` for stdout; None to do all but write it."""
    wanted: Wanted
    key: Key
    known: tuple[Table, ...] = ()
    """Tables as models and a policy know them: what they refer to without a foreign key."""
    force: bool = False
    keep: frozenset[str] = frozenset()
    """What passes as it is although it holds data: of `passed.KEEPABLE`."""
    note: Callable[[str], None] = lambda _text: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many rows each table had, and has now; and what was decided on tables."""

    before: Mapping[TableName, int]
    after: Mapping[TableName, int]
    scaler: Scaler

    def role(self, name: TableName) -> str:
        """Return what a table was, in a word: drawn, whole, once; nothing where it followed."""
        roles = self.scaler.roles
        if roles and name in roles.roots:
            return "drawn"
        if name in self.scaler.multiplier.once and self.scaler.multiplier.copies > 1:
            return "once"
        return "whole" if roles and name in roles.whole else ""

    @property
    def keys(self) -> Mapping[str, str]:
        """The columns whose values are others in each copy, and by what rule."""
        return {
            f"{table}.{column}": move.rule
            for move in self.scaler.multiplier.moves
            for table, columns in move.columns.items()
            for column in columns
        }

    @property
    def digest(self) -> str:
        """SHA-256 of what was decided on tables and keys, in hexadecimal."""
        roles = sorted((str(name), self.role(name)) for name in self.before)
        decided = json.dumps([roles, sorted(self.keys.items())])
        return hashlib.sha256(decided.encode()).hexdigest()


def scale(request: Request) -> Outcome:
    """Carry out *request*.

    Raises DumpError for what cannot be read, PolicyError for what cannot be scaled.
    """
    keep_memory()
    found = container(request.source, request.keep)
    _refuse(request, found)
    first = survey(found)
    structure = first.structure.joined(request.known)
    rows = {each.name: first.rows.get(each.name, 0) for each in structure.tables}
    first = replace(first, structure=structure, rows=rows)
    scaler = request.wanted.scaler(first, request.key)
    if isinstance(found, SQLiteFile):
        written = _file(request, found, structure, scaler)
    else:
        seen = _learnt(found, structure, scaler, rows)
        if structure.own:
            names = ", ".join(sorted(map(str, structure.own)))
            request.note(f"indexes of text are as they were, make them anew: {names}")
        job = _Job(structure=structure, scaler=scaler, seen=seen)
        job.write(request, found)
        written = job.rows
    after = {name: written.get(name, 0) for name in rows}
    return Outcome(before=rows, after=after, scaler=scaler)


def _refuse(request: Request, source: Container) -> None:
    """Raise AnonymizerError for what cannot be read twice, or not be written where it shall be."""
    if isinstance(source, Pipe):
        raise AnonymizerError(ONCE, hint="write it to a file, and give its name")
    if isinstance(source, Database):
        raise AnonymizerError(
            "a live database changes from one reading to the next, and this takes more than one",
            hint="dump it first: pg_dump -Fc --file shop.dump, or mariadb-dump",
        )
    refuse_target(request.source, request.target, force=request.force)
    if isinstance(source, TextFile):
        refuse_kind(source.format.name, request.target)


def _learnt(
    source: Container, structure: Structure, scaler: Scaler, rows: Mapping[TableName, int]
) -> Seen:
    """Return what has to be known before rows are written."""
    first = First(scaler)
    left = Counter({name: rows.get(name, 0) for name in scaler.looks})
    if not left:
        return first.seen()
    with opened(source, title="learning") as read:
        for piece in read.pieces:
            found = None if isinstance(piece, bytes) else look(structure, scaler, piece)
            if found is None or isinstance(piece, bytes):
                continue
            name, glimpse, count = found
            first.add(glimpse)
            left[name] -= count
            if not left[name]:
                first.close(name)
    return first.seen()


def _file(
    request: Request, source: SQLiteFile, structure: Structure, scaler: Scaler
) -> Mapping[TableName, int]:
    if request.target is None:
        with tempfile.TemporaryDirectory() as folder:
            return sqlite_file.rewrite(
                source.path, Path(folder) / "scaled.db", structure, scaler, note=request.note
            )
    target = path_of(request.target, "a file of SQLite")
    return sqlite_file.rewrite(source.path, target, structure, scaler, note=request.note)


class _Job:
    """Writes what is read, scaled."""

    def __init__(self, *, structure: Structure, scaler: Scaler, seen: Seen) -> None:
        self._rescaler = Rescaler(structure=structure, scaler=scaler, seen=seen)
        self._sequences = Sequences(structure=structure, scaler=scaler, seen=seen)

    @property
    def rows(self) -> Mapping[TableName, int]:
        """How many rows of each table were written."""
        return self._rescaler.rows

    def write(self, request: Request, source: Container) -> None:
        """Write *source* to where *request* says."""
        target = request.target
        if target is None:
            with opened(source, title="scaling") as read:
                for _ in self._texts(read.pieces):
                    pass
        elif isinstance(source, Folder):
            self._folder(source, path_of(target, "a folder"))
        elif isinstance(source, Archive):
            self._archive(source, target)
        else:
            # What is written to is around what is read: what is cut off is not completed.
            with (
                written(target, note=request.note) as write,
                opened(source, title="scaling") as read,
            ):
                for text in self._texts(read.pieces):
                    write(text)

    def _texts(self, pieces: Iterable[Piece]) -> Iterator[Text]:
        """Yield one text for each of *pieces*."""
        for piece in pieces:
            yield self._sequences(piece) if isinstance(piece, bytes) else self._rescaler(piece)

    def _archive(self, source: Archive, target: str) -> None:
        size = source.path.stat().st_size
        with (
            raw(target) as write,
            source.path.open("rb") as file,
            shown(file, size=size, title="scaling") as read,
        ):
            pg_custom.rewrite(read, write, self._texts, source.plain, revise=self._revised)

    def _folder(self, source: Folder, target: Path) -> None:
        def task(data: DataFile, folder: Path) -> None:
            data.rewrite(folder, self._texts)

        pg_directory.rewrite(source.path, target, task, plain=source.plain, revise=self._revised)

    def _revised(self, contents: Contents) -> Contents:
        return contents.with_definitions(self._sequences)
