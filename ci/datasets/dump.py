"""A dump: where it is, what it looks like, and its digest, by which a restored state is known."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import DatasetError
from ci.strict import near
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD_BYTES = 4096
ABSENT = "was it fetched? in a pipeline it comes with a secret, which a fork does not get"
SIGNS = (
    (b"SQLite format 3\0", Engine.SQLITE),
    (b"PGDMP", Engine.POSTGRESQL),
    (b"PostgreSQL database dump", Engine.POSTGRESQL),
    (b"MySQL dump", Engine.MARIADB),
    (b"MariaDB dump", Engine.MARIADB),
    (b"PRAGMA foreign_keys", Engine.SQLITE),
)
"""What stands in the first bytes of a dump."""


def find_dump(folder: Path, name: str | None, *, beside: Path) -> Path:
    """Return the dump called *name* in *folder*, or the only thing there but *beside*.

    Raises DatasetError for none, or for more than one.
    """
    if name is not None:
        found = folder / name
        if not found.exists():
            there = [each.name for each in sorted(folder.iterdir()) if _may_be(each, beside)]
            raise DatasetError(
                f"{beside}: there is no dump {name!r}",
                hint=near(name, there) if there else ABSENT,
            )
        return found
    others = [each for each in sorted(folder.iterdir()) if _may_be(each, beside)]
    if not others:
        raise DatasetError(f"{folder} holds no dump", hint=ABSENT)
    if len(others) > 1:
        what = ", ".join(each.name for each in others)
        raise DatasetError(
            f"{folder} holds {what}, expected one dump",
            hint=f'name it in {beside.name}: dump = "..."',
        )
    return others[0]


def _may_be(path: Path, beside: Path) -> bool:
    return path != beside and not path.name.startswith(".") and path.suffix not in {".md", ".txt"}


def engine_of(dump: Path, said: Engine | None, *, beside: Path) -> Engine:
    """Return the engine of *dump*: as *said*, or as it looks.

    Raises DatasetError for what is empty, looks like none, or like another than was *said*.
    """
    if dump.is_file() and not dump.stat().st_size:
        raise DatasetError(f"{dump} is empty, expected a dump", hint="was it made, or fetched?")
    found = _looks_like(dump)
    if found is None and said is None:
        raise DatasetError(
            f"{dump} looks like a dump of no database that is known",
            hint=f'say in {beside.name} what it is: engine = "{" | ".join(Engine)}"',
        )
    if said is not None and found not in (None, said):
        raise DatasetError(
            f"{dump} looks like a dump of {found}, and {beside.name} says {said}",
            hint="which of them is wrong?",
        )
    return said or found  # type: ignore[return-value]  # one of them is known here


def _looks_like(dump: Path) -> Engine | None:
    if dump.is_dir() and (dump / "toc.dat").exists():
        return Engine.POSTGRESQL
    head = _head(dump) if dump.is_file() else b""
    return next((engine for sign, engine in SIGNS if sign in head), None)


def _head(dump: Path) -> bytes:
    """Return its first bytes, unpacked where they are packed with what Python unpacks."""
    with suppress(OSError, EOFError, zlib.error), gzip.open(dump) as file:
        return file.read(HEAD_BYTES)
    with dump.open("rb") as file:
        return file.read(HEAD_BYTES)


def digest_of(dump: Path, *, cache: Path | None = None) -> str:
    """Return the SHA-256 of what is in *dump*, a file or all files of a folder with their names.

    What is known of files that have not changed since, by size and time, is taken from *cache*.
    """
    files = list(_files(dump))
    stamp = json.dumps([[str(path), size, time] for path, size, time in files])
    key = hashlib.sha256(stamp.encode()).hexdigest()
    kept = cache / key if cache is not None else None
    if kept is not None and kept.is_file():
        return kept.read_text("ascii")
    found = _read(dump, [path for path, _, _ in files])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=kept.parent, prefix=".", delete=False, encoding="ascii"
        ) as written:  # of our own: another runner may be at the same
            written.write(found)
        Path(written.name).replace(kept)
    return found


def _files(dump: Path) -> Iterator[tuple[Path, int, int]]:
    paths = sorted(each for each in dump.rglob("*") if each.is_file()) if dump.is_dir() else [dump]
    for path in paths:
        state = path.stat()
        yield path.resolve(), state.st_size, state.st_mtime_ns


def _read(dump: Path, paths: list[Path]) -> str:
    root = dump.resolve()
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        name = path.relative_to(root).as_posix() if dump.is_dir() else ""
        whole.update(len(name.encode()).to_bytes(4, "big") + name.encode() + content)
    return whole.hexdigest()
