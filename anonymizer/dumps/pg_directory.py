"""The directory format of pg_dump (-Fd): a file with the contents, and one for each table's rows.

The contents are copied as they are, and each table is rewritten on its own, so several
processes can work side by side, and pg_restore can restore with several jobs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anonymizer.dumps.compression import Method, chunks, reading, writing
from anonymizer.dumps.pg_archive import BLOBS, checked_contents, readings
from anonymizer.dumps.pg_contents import TAR, damaged
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.errors import DumpError
from anonymizer.output import SUFFIX
from anonymizer.processes import shared_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anonymizer.column import TableName
    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.described import Described
    from anonymizer.dumps.pg_archive import DataReading, Mask
    from anonymizer.dumps.pg_contents import Contents

CONTENTS = "toc.dat"
_PACKED = (Method.NONE, Method.GZIP, Method.LZ4, Method.ZSTD)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """The rows of one table, in a file; it is picklable, for other processes."""

    path: Path
    method: Method
    reading: DataReading

    @property
    def table(self) -> TableName:
        """The table whose rows these are."""
        return self.reading.entry.table

    def pieces(self) -> Iterator[Piece]:
        """Yield the rows, and what ends them."""
        with self.path.open("rb") as file:
            yield from self.reading.pieces(chunks(file), self.method)

    def rewrite(self, folder: Path, mask: Mask) -> None:
        """Write the file into *folder*, with the rows that *mask* gives, packed alike."""
        with (folder / self.path.name).open("xb") as file:
            with writing(file, self.method) as writer:
                for text in mask(self.pieces()):
                    writer.write(text)
            file.flush()
            os.fsync(file.fileno())


def recognizes(source: Path) -> bool:
    """Return whether *source* is a folder that pg_dump made."""
    return any((source / (CONTENTS + method.value)).is_file() for method in _PACKED)


def data_files(source: Path, plain: PlainPostgreSQL | None = None) -> list[DataFile]:
    """Return the files with rows of the dump *source*, the largest first.

    Raises DumpError when one is missing.
    """
    plain = plain or PlainPostgreSQL()
    return _files(source, _contents(source, plain), plain)


def pieces(source: Path, plain: PlainPostgreSQL | None = None) -> Iterator[Piece]:
    """Yield the definitions of the dump *source*, then its rows, as `Format.pieces` does."""
    plain = plain or PlainPostgreSQL()
    contents = _contents(source, plain)
    yield from contents.statements()
    for each in _files(source, contents, plain):
        yield from each.pieces()


def schema(source: Path, plain: PlainPostgreSQL | None = None) -> Described:
    """Return the tables of the dump *source*; no row is read."""
    return _contents(source, plain or PlainPostgreSQL()).schema()


def rewrite(  # noqa: PLR0913
    source: Path,
    target: Path,
    task: Callable[[DataFile, Path], T],
    *,
    jobs: int = 1,
    plain: PlainPostgreSQL | None = None,
    revise: Callable[[Contents], Contents] | None = None,
) -> list[T]:
    """Write the dump *source* to the folder *target*; return what *task* gives for each file.

    *task* rewrites one file into a folder; with several *jobs* it runs in other processes too, the
    largest file first. *revise* returns the contents to write in place of those that were read.
    *target* is made aside and takes its place when all is done; what is there already goes then.
    """
    plain = plain or PlainPostgreSQL()
    contents = _contents(source, plain)
    files = _files(source, contents, plain)
    with folder_written_aside(target) as folder:
        for path in _kept(source, contents):
            shutil.copyfile(path, folder / path.name)
        if revise:
            _write_contents(folder, *_found(source, CONTENTS), revise(contents))
        return shared_out(partial(_carried_out, task, folder), files, jobs=jobs)


@contextmanager
def folder_written_aside(target: Path) -> Iterator[Path]:
    """Give a folder beside *target* that takes its place when the body ends, and goes if it fails.

    Until then its name ends in `.partial`, and only its owner may read it.
    """
    aside = Path(tempfile.mkdtemp(SUFFIX, f".{target.name}.", target.parent))
    try:
        folder = aside / target.name
        folder.mkdir(0o700)
        yield folder
        _exchange(folder, target, aside / f"{target.name}.old")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(folder: Path, target: Path, old: Path) -> None:
    """Put *folder* in the place of *target*, and what is there to *old*; or change nothing."""
    if not target.exists():
        folder.rename(target)
        return
    target.rename(old)
    try:
        folder.rename(target)
    except BaseException:
        old.rename(target)
        raise


def _carried_out(task: Callable[[DataFile, Path], T], folder: Path, file: DataFile) -> T:
    return task(file, folder)


def _contents(source: Path, plain: PlainPostgreSQL) -> Contents:
    path, _ = _found(source, CONTENTS)
    with path.open("rb") as file:
        unpacked = reading(file)
        contents = checked_contents(unpacked, plain.keep)
        if contents.header.format != TAR or unpacked.read(1):
            raise damaged(len(contents.data))
    return contents


def _write_contents(folder: Path, path: Path, method: Method, contents: Contents) -> None:
    """Write *contents* into *folder*, called and packed as those at *path* are."""
    with (folder / path.name).open("wb") as file, writing(file, method) as writer:
        writer.write(contents.data)


def _files(source: Path, contents: Contents, plain: PlainPostgreSQL) -> list[DataFile]:
    found = []
    for each in readings(contents, plain):
        path, method = _found(source, each.entry.file)
        found.append(DataFile(path=path, method=method, reading=each))
    return sorted(found, key=lambda each: each.path.stat().st_size, reverse=True)


def _found(source: Path, name: str) -> tuple[Path, Method]:
    """Return the file called *name*, or that and what says its compression."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise DumpError("a file of the dump has a name that leads out of it")
    for method in _PACKED:
        path = source / (name + method.value)
        if path.is_file():
            return path, method
    raise DumpError(
        f"the file {name} of the dump is missing",
        hint="the dump was not copied whole: copy it or make it again",
    )


def _kept(source: Path, contents: Contents) -> Iterator[Path]:
    """Yield the files that are copied: the contents, and large objects where they are kept."""
    yield _found(source, CONTENTS)[0]
    for each in contents.entries:
        if each.has_data and each.kind in BLOBS:
            path, _ = _found(source, each.file)
            yield path
            with path.open("rb") as file:
                lines = reading(file).read().decode("ascii", "replace").splitlines()
            yield from (_found(source, line.partition(" ")[2])[0] for line in lines)
