"""Target: where an output goes – a file, a folder, a pipe, a database – and what may not be one."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from anonymizer.container import PIPE, method_for
from anonymizer.dumps.compression import writing
from anonymizer.errors import AnonymizerError
from anonymizer.output import refuse_existing, written_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


def refuse_kind(name: str, target: str | None) -> None:
    """Raise AnonymizerError where *target* is a database of another kind than the dump, *name*."""
    if target is None or "://" not in target:
        return
    from anonymizer import live

    url = live.read_url(target)
    if name not in live.database_of(url).names:
        raise AnonymizerError(
            f"the dump is of {name}, and the target of {url.get_backend_name()}",
            hint="name a file, or a database of the kind of the dump",
        )


@contextmanager
def written(
    target: str | None, *, note: Callable[[str], None]
) -> Iterator[Callable[[bytes | memoryview], object]]:
    """Give what takes the text of a dump: packed as the name of *target* says.

    Where *target* is a database, *note* is told what was looked at in it. None is nowhere.
    """
    if target is not None and "://" in target:
        from anonymizer import live

        with live.loaded(live.read_url(target), note=note) as database:
            yield database.write
        return
    with raw(target) as file, writing(file, method_for(Path(target or ""))) as writer:
        yield writer.write


@contextmanager
def raw(target: str | None) -> Iterator[BinaryIO]:
    """Give what takes the bytes of a file, as they are."""
    if target is None:
        with Path(os.devnull).open("wb") as file:
            yield file
    elif target == PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with written_aside(path_of(target, "a file")) as file:
            yield file


def path_of(target: str, wanted: str) -> Path:
    """Return the path that *target* names; raise AnonymizerError if none: *wanted* is needed."""
    if target == PIPE or ("://" in target and not target.startswith("sqlite://")):
        raise AnonymizerError(f"what is read becomes {wanted}, which needs a path to be written to")
    if "://" not in target:
        return Path(target)
    from anonymizer import live

    path = live.sqlite_path(live.read_url(target))
    assert path is not None  # noqa: S101 - it is a URL of SQLite
    return path
