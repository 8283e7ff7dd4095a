"""Mask: one container into another, through the engine; nothing that looks complete if it fails."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from anonymizer.container import (
    Archive,
    Database,
    Folder,
    SQLiteFile,
    TextFile,
    container,
    opened_text,
)
from anonymizer.dumps.described import Described
from anonymizer.memory import keep_memory
from anonymizer.progress import shown, ticking
from anonymizer.stream import Tally, texts
from anonymizer.target import path_of, raw, refuse_kind, refuse_target, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from anonymizer.container import Container
    from anonymizer.dumps.base import Format, Piece
    from anonymizer.dumps.pg_directory import DataFile
    from anonymizer.engine import Engine
    from anonymizer.live.base import Sink
    from anonymizer.masker import Text
    from anonymizer.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is masked, where to, and how."""

    source: str
    """Path, URL of a database, or `-` for stdin."""
    target: str | None
    """Path, URL of an empty database, or `-` for stdout; None to do all but write it."""
    engine: Engine
    jobs: int = 1
    force: bool = False
    """Whether a file that is there already is replaced."""
    keep: frozenset[str] = frozenset()
    """What passes as it is although it holds data: of `passed.KEEPABLE`."""
    note: Callable[[str], None] = lambda _text: None
    """Is told what is not in the output, and why."""
    learned: Callable[[Schema], None] = lambda _schema: None
    """Is told what the data says of tables; what it raises ends the run without an output."""


def mask(request: Request) -> Tally:
    """Carry out *request*; return what was read, written and masked.

    Raises DumpError for what cannot be read, PolicyError for what is not decided.
    """
    keep_memory()
    refuse_target(request.source, request.target, force=request.force)
    found = container(request.source, request.keep)
    if request.target is None:
        with tempfile.TemporaryDirectory() as folder:
            return _masked(request, found, str(Path(folder) / "output"))
    return _masked(request, found, request.target)


def _masked(request: Request, source: Container, target: str) -> Tally:
    if isinstance(source, Database) and "://" in target:
        return _database(request, source, target)
    way: Callable[[Request, Any, str], Tally] = _WAYS.get(type(source), _text)
    return way(request, source, target)


def _text(request: Request, source: Container, target: str) -> Tally:
    """Mask a dump that is one text, or that a database writes as one."""
    tally = Tally()
    # What is written to is around what is read: what is cut off must not be completed.
    if isinstance(source, TextFile):
        refuse_kind(source.format.name, target)
    with (
        written(request.target, note=request.note) as write,
        _read(request, source) as (format_, stream),
    ):
        refuse_kind(format_.name, target)
        known = Described()
        pieces = format_.pieces(stream, known)
        for text in texts(pieces, request.engine, tally, jobs=request.jobs):
            write(text)
        request.learned(known.schema())
    return tally


def _archive(request: Request, source: Archive, _target: str) -> Tally:
    from anonymizer.dumps import pg_custom

    tally = Tally()
    request.learned(source.schema())
    size = source.path.stat().st_size

    def masked(pieces: Iterator[Piece]) -> Iterable[Text]:
        return texts(pieces, request.engine, tally, jobs=request.jobs)

    with (
        raw(request.target) as write,
        source.path.open("rb") as file,
        shown(file, size=size, title="masking") as read,
    ):
        pg_custom.rewrite(read, write, masked, source.plain)
    return tally


@dataclass(frozen=True, slots=True)
class _OneFile:
    """Masks one file of a folder; picklable."""

    engine: Engine
    jobs: int = 1

    def __call__(self, data: DataFile, folder: Path) -> Tally:
        tally = Tally()
        data.rewrite(folder, lambda pieces: texts(pieces, self.engine, tally, jobs=self.jobs))
        return tally


def _folder(request: Request, source: Folder, target: str) -> Tally:
    from anonymizer.dumps import pg_directory

    tally, path = Tally(), path_of(target, "a folder")
    request.learned(source.schema())
    jobs, by_piece = request.jobs, 1
    if jobs > 1 and _has_giant(pg_directory.data_files(source.path, source.plain), jobs):
        jobs, by_piece = by_piece, jobs
    one = _OneFile(request.engine, by_piece)
    for each in pg_directory.rewrite(source.path, path, one, jobs=jobs, plain=source.plain):
        tally.join(each)
    return tally


def _has_giant(files: Sequence[DataFile], jobs: int) -> bool:
    """Return whether the first of *files*, the largest, is more than one of *jobs* should do."""
    sizes = [each.path.stat().st_size for each in files]
    return bool(sizes) and sizes[0] * jobs > sum(sizes)


def _file(request: Request, source: SQLiteFile, target: str) -> Tally:
    from anonymizer.sqlite.file import rewrite_file

    tally, path = Tally(), path_of(target, "a file of SQLite")
    request.learned(source.schema())
    with ticking(source.path.stat().st_size, title="masking") as tick:
        notes = rewrite_file(
            source.path, path, request.engine, tally, force=request.force, tick=tick
        )
    for each in notes:
        request.note(each)
    return tally


def _database(request: Request, source: Database, target: str) -> Tally:
    from anonymizer import live

    tally = Tally()

    def masked(read: BinaryIO, write: Sink) -> None:
        with opened_text(read, request.keep) as (format_, stream):
            known = Described()
            pieces = format_.pieces(stream, known)
            for text in texts(pieces, request.engine, tally, jobs=request.jobs):
                write.write(text)
            request.learned(known.schema())

    live.copy_live(source.url, live.read_url(target), masked, note=request.note)
    return tally


@contextmanager
def _read(request: Request, source: Container) -> Iterator[tuple[Format, BinaryIO]]:
    """Give the format of a text and the text, as it is read with a sign of progress."""
    if isinstance(source, TextFile):
        size = source.path.stat().st_size
        with (
            source.path.open("rb") as file,
            shown(file, size=size, title="masking") as read,
            opened_text(read, request.keep) as opened,
        ):
            yield opened
        return
    live_or_not: AbstractContextManager[BinaryIO] = nullcontext(sys.stdin.buffer)
    if isinstance(source, Database):
        from anonymizer import live

        live_or_not = live.dumped(source.url, note=request.note)
    with (
        live_or_not as packed,
        shown(packed, size=None, title="masking") as read,
        opened_text(read, request.keep) as opened,
    ):
        yield opened


_WAYS: dict[type, Callable[[Request, Any, str], Tally]] = {
    Archive: _archive,
    Folder: _folder,
    SQLiteFile: _file,
}
"""How containers are masked that are no text."""
