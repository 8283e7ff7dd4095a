"""How a migration is written: its files, its test and its line, all of them or none."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError, ManifestError
from migrator.manifest import Manifest
from migrator.manifest.entry import check_name
from migrator.recipes.contract import completed, contract_part
from migrator.recipes.expand import expand_part
from migrator.recipes.known import Known, read
from migrator.recipes.part import SCRATCH, Part, bare_part
from migrator.recipes.source import WIDTH, call, enclosed, module, quoted
from migrator.recipes.types import GUESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from migrator.recipes.spec import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A migration that has been written."""

    manifest: Manifest
    files: tuple[Path, ...]
    """The files of the migration, then its test."""
    notes: tuple[str, ...] = ()
    """What the author has to look at."""


def write_expand(path: Path, name: str, recipes: Sequence[Recipe] = ()) -> Written:
    """Write an expand called *name* that does what *recipes* ask, and its test.

    Makes the manifest at *path* and its folder when they are not there. Reads earlier
    migrations, runs none. Raises ManifestError, or ConfigurationError for a recipe that
    does not fit, and leaves everything as it was.
    """
    manifest = _manifest(path, name)
    known = read(manifest)
    _refuse_twice(recipes)
    parts: list[Part] = []
    taken = set(known.transitions)
    for recipe in recipes:
        parts.append(expand_part(recipe, known, name, taken))
        taken |= {parts[-1].transition.partition(" = ")[0]}
    return _write(manifest, name, parts or [bare_part(name, "expand")], known)


def write_contract(path: Path, name: str, completes: Sequence[str] = ()) -> Written:
    """Write a contract called *name* that drops what the transitions *completes* have moved."""
    manifest = _manifest(path, name)
    known = read(manifest)
    parts = [contract_part(each, known, name) for each in completed(completes, known)]
    return _write(manifest, name, parts or [bare_part(name, "contract")], known, tuple(completes))


def _manifest(path: Path, name: str) -> Manifest:
    """Return the manifest at *path*, or an empty one; raise ManifestError if *name* is taken."""
    check_name(name)
    manifest = Manifest.load(path) if path.exists() else Manifest(path=path)
    for entry in manifest.entries:
        if entry.name.lower() == name.lower():
            raise ManifestError(
                f"{entry.name} is there already, as version {entry.number}",
                line=entry.line,
                hint="choose another name",
            )
    if manifest.folder.is_dir():
        for file in sorted(manifest.folder.iterdir()):
            if file.name.partition(".")[0].lower() in (name.lower(), f"{name}_test".lower()):
                raise ManifestError(f"{file} is there already", hint="choose another name")
    return manifest


def _refuse_twice(recipes: Sequence[Recipe]) -> None:
    """Raise ConfigurationError when two recipes name one column."""
    seen: set[tuple[str, str]] = set()
    for recipe in recipes:
        names = [name for name, _ in recipe.targets]
        for place in [(recipe.table, name) for name in (recipe.source, *names) if name]:
            if place in seen:
                raise ConfigurationError(
                    f"{recipe.option}: {'.'.join(place)} is in two recipes",
                    hint="make them two migrations",
                )
            seen.add(place)


def _write(
    manifest: Manifest,
    name: str,
    parts: Sequence[Part],
    known: Known,
    completes: Sequence[str] | None = None,
) -> Written:
    """Write everything that *parts* say, the manifest last: a contract with *completes*."""
    contents = {f"{name}.py": _migration(parts, completes)}
    for part in parts:
        for suffix, text in part.files.items():
            file = f"{name}.{suffix}"
            contents[file] = contents.get(file, "") + text
    written = manifest.append(tuple(contents))
    contents[f"{name}_test.py"] = _test(manifest, name, parts, known)
    with _files(manifest.folder, contents) as files:
        written.write()
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return Written(manifest=written, files=files, notes=tuple(notes))


def _migration(parts: Sequence[Part], completes: Sequence[str] | None) -> str:
    """Return the text of the migration's module."""
    phase = "expand" if completes is None else "contract"
    helpers = [part.helper for part in parts if part.helper]
    declared = [part.transition for part in parts if part.transition]
    if completes is not None:
        declared = [enclosed("completes = [", [quoted(each) for each in completes], "]")]
    operations = [line for part in parts for line in part.operations]
    if all(line.startswith("#") for line in operations):
        operations.append("pass")
    body = "\n".join([f"def {phase}(op):", *(indent(line, "    ") for line in operations)])
    imports = [line for part in parts for line in part.imports]
    return module(_doc([part.doc for part in parts]), imports, [*helpers, *declared, body])


def _doc(docs: Sequence[str]) -> str:
    """Return the docstring: one line, which says the first change only when all are too many."""
    said = [f"{each[:1].upper()}{each[1:]}" for each in docs]
    line = f"{said[0]}; {'; '.join(docs[1:])}." if docs[1:] else f"{said[0]}."
    if len(line) <= WIDTH - 6 or not docs[1:]:
        return line
    rest = "".join(f"\n{each}." for each in said[1:])
    return f"{said[0]}, and more.\n{rest}\n"


def _test(manifest: Manifest, name: str, parts: Sequence[Part], known: Known) -> str:
    """Return the text of the test's module."""
    imports = [
        "from pathlib import Path",
        "from migrator.testing import scratch",
        *(line for part in parts for line in part.test_imports),
    ]
    blocks = [f"MANIFEST = Path(__file__).parent.with_name({quoted(manifest.path.name)})"]
    tests = [part.test for part in parts if part.test] or [bare_part(name, "contract").test]
    tables = _tables_before(parts, known)
    if tables:
        imports.append("import sqlalchemy as sa")
        blocks.append("\n".join([_BEFORE, *tables]))
        tests = [
            test.replace(SCRATCH, f"{SCRATCH}\n        BEFORE.create_all(engine)") for test in tests
        ]
    if "walk_to(" in "".join(tests):
        imports.append("from migrator.testing import walk_to")
    if "sa." in "".join(tests):
        imports.append("import sqlalchemy as sa")
    return module(f"Test {name}.", imports, [*blocks, *tests])


_BEFORE = """\
# No migration creates these tables: this is as much of them as the test needs.
BEFORE = sa.MetaData()"""


def _tables_before(parts: Sequence[Part], known: Known) -> list[str]:
    """Return the tables that a test has to make, because no migration creates them."""
    needs: dict[str, dict[str, str]] = {
        name: dict.fromkeys(table.before, GUESS)
        for name, table in known.tables.items()
        if not table.created
    }
    for table, columns in (need for part in parts for need in part.needs):
        if not known.table(table).created:
            needs.setdefault(table, {}).update(columns)
    key = 'sa.Column("id", sa.Integer(), primary_key=True)'
    return [
        call(
            "sa.Table",
            [
                quoted(table),
                "BEFORE",
                *([] if "id" in columns else [key]),
                *(f"sa.Column({quoted(name)}, {type_})" for name, type_ in columns.items()),
            ],
        )
        for table, columns in needs.items()
    ]


@contextmanager
def _files(folder: Path, contents: Mapping[str, str]) -> Iterator[tuple[Path, ...]]:
    """Write *contents* into *folder*, and take them back when the body fails."""
    made: list[Path] = []
    try:
        if not folder.is_dir():
            folder.mkdir()
            made.append(folder)
        for name, text in contents.items():
            _put(folder / name, text)
            made.append(folder / name)
        yield tuple(folder / name for name in contents)
    except BaseException as error:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        if isinstance(error, OSError):
            raise ManifestError(f"{folder} cannot be written: {error.strerror}") from error
        raise


def _put(path: Path, text: str) -> None:
    """Write a new file, whole or not at all; raise OSError when *path* is there already."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
