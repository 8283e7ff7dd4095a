"""A dump: where it is, what it looks like, and its digest, by which a restored state is known."""

from __future__ import annotations

import gzip
import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from ci.errors import DatasetError
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
            raise DatasetError(f"{beside}: there is no dump {name!r}", hint=ABSENT)
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


def guess_engine(dump: Path) -> Engine:
    """Return the engine that *dump* looks like. Raises DatasetError for what looks like none."""
    if dump.is_dir() and (dump / "toc.dat").exists():
        return Engine.POSTGRESQL
    head = _head(dump) if dump.is_file() else b""
    for sign, engine in SIGNS:
        if sign in head:
            return engine
    raise DatasetError(
        f"{dump} looks like a dump of no database that is known",
        hint=f'say in dataset.toml what it is: engine = "{" | ".join(Engine)}"',
    )


def _head(dump: Path) -> bytes:
    """Return its first bytes, unpacked where they are packed with what Python unpacks."""
    with suppress(OSError, EOFError), gzip.open(dump) as file:
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
        written = kept.with_suffix(".new")
        written.write_text(found, "ascii")
        written.replace(kept)
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
