"""How a migration is loaded: the bytes that are hashed are the bytes that run."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from migrator.errors import MigrationError
from migrator.manifest.entry import dialect_in
from migrator.migration.declared import declarations, phase_of, refuse_declarations
from migrator.migration.migration import Migration, PythonSource, Source, SqlSource
from migrator.migration.module import Module, error_at, importable, run, within

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from migrator.manifest import Entry, Manifest

Contents: TypeAlias = "Mapping[str, bytes]"
"""Name of a file → its content."""

MAX_BYTES = 16 * 1024 * 1024

_HELPER = re.compile(rb"\b(_[A-Za-z0-9]\w*)\b")
_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t](?:[^\n\\(]|\\\n|\([^)]*\))*", re.MULTILINE)


def load(entry: Entry, folder: Path, contents: Contents | None = None) -> Migration:
    """Return the migration of *entry*, whose files are in *folder* and hold *contents*.

    Runs the files: a migration's module imports nothing of the application and reaches no
    database. Raises MigrationError, with file and line, for whatever is wrong.
    """
    contents = read_files(entry, folder) if contents is None else contents
    paths = {file: folder / file for file in entry.files}
    main = run(paths[entry.main], contents[entry.main])
    phase = phase_of(main)
    sources: dict[str | None, Source] = {}
    for file in entry.files:
        if file == entry.main:
            sources[None] = _python(main, phase.value)
        elif file.endswith(".py"):
            module = run(paths[file], contents[file])
            refuse_declarations(module, phase)
            sources[dialect_in(file)] = _python(module, phase.value)
        else:
            sources[dialect_in(file)] = _sql(paths[file], contents[file])
    return Migration(
        number=entry.number,
        name=entry.name,
        phase=phase,
        doc=main.doc.strip().partition("\n")[0].strip() or entry.name.replace("_", " "),
        files=tuple(paths.values()),
        hash=_digest(contents, folder),
        sources=sources,
        **declarations(main, phase),
    )


def load_all(
    manifest: Manifest,
    numbers: Collection[int] | None = None,
    *,
    contents: Mapping[int, Contents] | None = None,
) -> tuple[Migration, ...]:
    """Return the migrations of *manifest*, or of its *numbers* only, in their order.

    *contents* holds, by number, what has been read of their files already.

    Raises MigrationError as load() does, and when two transitions have one name; with all
    of the manifest loaded, also when a contract completes what no earlier expand declares.
    """
    folder, known = manifest.folder, contents or {}
    with importable(folder):
        loaded = tuple(
            load(entry, folder, known.get(entry.number))
            for entry in manifest.entries
            if numbers is None or entry.number in numbers
        )
    _check_transitions(loaded, whole=numbers is None)
    return loaded


def hash_files(entry: Entry, folder: Path) -> str:
    """Return the hash of an entry's files without running them: Migration.hash."""
    return _digest(read_files(entry, folder), folder)


def read_files(entry: Entry, folder: Path) -> Contents:
    """Return the content of an entry's files by name, with the line ends of Unix."""
    return {file: _read(folder / file) for file in entry.files}


def _read(path: Path) -> bytes:
    """Return the content of a plain file; follow no symlink, not even a new one."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb", buffering=0) as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise error_at(path, "is no plain file")
            if about.st_size > MAX_BYTES:
                raise error_at(path, f"is larger than {MAX_BYTES} bytes")
            content = file.read()
    except OSError as error:
        raise error_at(path, f"cannot be read: {error.strerror}") from error
    return content.replace(b"\r\n", b"\n")


def _digest(contents: Contents, folder: Path) -> str:
    """Return SHA-256 over the names and bytes of files, and of the helpers they import."""
    whole = dict(contents)
    _add_helpers(whole, contents, folder)
    digest = hashlib.sha256()
    for name in sorted(whole):
        digest.update(f"{name}\n{len(whole[name])}\n".encode())
        digest.update(whole[name])
    return digest.hexdigest()


def _add_helpers(whole: dict[str, bytes], contents: Contents, folder: Path) -> None:
    """Add to *whole* the modules of the folder, called _name.py, that *contents* import."""
    for file, content in contents.items():
        if not file.endswith(".py"):
            continue
        for helper in _imported_helpers(content):
            name = f"{helper}.py"
            if name in whole:
                continue
            with suppress(MigrationError):
                whole[name] = _read(folder / name)
                _add_helpers(whole, {name: whole[name]}, folder)


def _imported_helpers(content: bytes) -> Iterable[str]:
    """Yield what may be the name of a helper in the imports of *content*."""
    for statement in _IMPORT.finditer(content):
        for name in _HELPER.findall(statement[0]):
            yield name.decode()


def _python(module: Module, phase: str) -> PythonSource:
    """Return the phase function of *module*."""
    function = module.names[phase]
    assert callable(function)  # noqa: S101 - phase_of() has looked
    return PythonSource(function=within(module.path.parent, function), path=module.path)


def _sql(path: Path, content: bytes) -> SqlSource:
    """Return the text of a file of SQL."""
    try:
        return SqlSource(text=content.decode("utf-8-sig"), path=path)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise error_at(path, "is not UTF-8", line=line) from error


def _check_transitions(loaded: Iterable[Migration], *, whole: bool) -> None:
    """Raise MigrationError when a transition's name is not unique, or completed before it is."""
    declared: dict[str, Migration] = {}
    for migration in loaded:
        for name in migration.completes:
            if whole and name not in declared:
                raise MigrationError(
                    f"completes {name!r}, which no earlier migration declares",
                    migration=migration.name,
                    hint=f"declared before it: {', '.join(declared) or 'no transition'}",
                )
        for transition in migration.transitions:
            other = declared.setdefault(transition.name, migration)
            if other is not migration:
                raise MigrationError(
                    f"the transition {transition.name!r} is declared by {other.name!r} too",
                    migration=migration.name,
                    hint="checkpoints are kept by name: give this one its own",
                )
