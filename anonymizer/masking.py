"""Mask: one container into another, through the engine; nothing that looks complete if it fails."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from anonymizer.container import (
    PIPE,
    Archive,
    Database,
    Folder,
    SQLiteFile,
    TextFile,
    container,
    method_for,
    opened_text,
    schema_of,
)
from anonymizer.dumps.compression import writing
from anonymizer.dumps.described import Described
from anonymizer.errors import AnonymizerError
from anonymizer.memory import keep_memory
from anonymizer.output import refuse_existing, written_aside
from anonymizer.progress import shown, ticking
from anonymizer.stream import Tally, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from anonymizer.container import Container
    from anonymizer.dumps.base import Format, Piece
    from anonymizer.dumps.pg_directory import DataFile
    from anonymizer.engine import Engine, Text
    from anonymizer.live.base import Sink
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


def refuse_target(source: str, target: str | None, *, force: bool) -> None:
    """Raise AnonymizerError where *target* is what is read, or is there and may not be replaced."""
    if target is None or target == PIPE or "://" in target:
        return
    path = Path(target)
    if source != PIPE and path.exists() and path.resolve() == Path(source).resolve():
        raise AnonymizerError(
            "the source and the target are one file",
            hint="the original is not replaced: name another",
        )
    refuse_existing(path, force=force)


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
        _refuse_kind(source.format, target)
    with _written(request, target) as write, _read(request, source) as (format_, stream):
        _refuse_kind(format_, target)
        known = Described()
        pieces = format_.pieces(stream, known)
        for text in texts(pieces, request.engine, tally, jobs=request.jobs):
            write(text)
        request.learned(schema_of(known))
    return tally


def _refuse_kind(format_: Format, target: str) -> None:
    """Raise AnonymizerError where *target* is a database of another kind than the dump."""
    if "://" not in target:
        return
    from anonymizer import live

    url = live.read_url(target)
    if format_.name not in live.database_of(url).names:
        raise AnonymizerError(
            f"the dump is of {format_.name}, and the target of {url.get_backend_name()}",
            hint="name a file, or a database of the kind of the dump",
        )


def _archive(request: Request, source: Archive, target: str) -> Tally:
    from anonymizer.dumps import pg_custom

    tally = Tally()
    request.learned(source.schema())
    size = source.path.stat().st_size

    def masked(pieces: Iterator[Piece]) -> Iterable[Text]:
        return texts(pieces, request.engine, tally, jobs=request.jobs)

    with (
        _raw(request, target) as write,
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

    tally, path = Tally(), _path(target, "a folder")
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

    tally, path = Tally(), _path(target, "a file of SQLite")
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
            request.learned(schema_of(known))

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


@contextmanager
def _written(request: Request, target: str) -> Iterator[Callable[[Text], object]]:
    """Give what takes the text of a dump: packed as the name of *target* says."""
    if "://" in target:
        from anonymizer import live

        with live.loaded(live.read_url(target), note=request.note) as database:
            yield database.write
        return
    with _raw(request, target) as file, writing(file, method_for(Path(target))) as writer:
        yield writer.write


@contextmanager
def _raw(request: Request, target: str) -> Iterator[BinaryIO]:
    if target == PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif request.target is None:
        with Path(os.devnull).open("wb") as file:
            yield file
    else:
        with written_aside(_path(target, "a file")) as file:
            yield file


def _path(target: str, wanted: str) -> Path:
    if target == PIPE or ("://" in target and not target.startswith("sqlite://")):
        raise AnonymizerError(f"what is read becomes {wanted}, which needs a path to be written to")
    if "://" not in target:
        return Path(target)
    from anonymizer import live

    path = live.sqlite_path(live.read_url(target))
    assert path is not None  # noqa: S101 - it is a URL of SQLite
    return path


_WAYS: dict[type, Callable[[Request, Any, str], Tally]] = {
    Archive: _archive,
    Folder: _folder,
    SQLiteFile: _file,
}
"""How containers are masked that are no text."""
