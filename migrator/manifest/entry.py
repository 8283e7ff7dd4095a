"""An entry: one line of the manifest, a version's number and the names of its files."""

from __future__ import annotations

import json
import keyword
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.dialects import DIALECTS
from migrator.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.dialects import Dialect

MAX_NAME = 100
"""Characters of a migration's name; its test's file has to fit in a folder too."""

_FILE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]*)(?:\.(?P<dialect>\w+))?\.(?P<suffix>py|sql)")
_NAMES = tuple(dialect.name for dialect in DIALECTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version: its number, and the files of its migration."""

    number: int
    files: tuple[str, ...]
    line: int = field(default=0, compare=False)
    """Line of the manifest, counted from 1; 0 when it is not written yet."""

    def __post_init__(self) -> None:
        if not self.files:
            raise self._error(f"version {self.number} has no files", hint=None)
        seen: dict[str | None, str] = {}
        for file in self.files:
            self._check(file)
            self._check_alone(file, seen)
            seen[dialect_in(file)] = file
        if None not in seen:
            raise self._error(
                f"version {self.number} has no {self.name}.py",
                hint="it says what the migration is; files for one database replace its phase",
            )

    @property
    def name(self) -> str:
        """Name of the migration: that of its files, without what follows the first dot."""
        return self.files[0].partition(".")[0]

    @property
    def main(self) -> str:
        """Name of the file that holds everywhere unless another replaces it."""
        return f"{self.name}.py"

    @property
    def text(self) -> str:
        """The line of the manifest, with the comma that ends it and no line end."""
        return f"  {json.dumps(str(self.number))}: {json.dumps(list(self.files))},"

    def file_for(self, dialect: Dialect) -> str:
        """Return the name of the file that says what happens on *dialect*."""
        by_dialect = {dialect_in(file): file for file in self.files}
        for family in dialect.families:
            if family in by_dialect:
                return by_dialect[family]
        return self.main

    def _check(self, file: str) -> None:
        """Raise ManifestError unless *file* is the name of a migration's file."""
        try:
            check_file(file)
        except ManifestError as error:
            raise self._error(error.message, hint=error.hint) from None

    def _check_alone(self, file: str, seen: dict[str | None, str]) -> None:
        """Raise ManifestError when *file* does not go with the files *seen* before it."""
        if file.partition(".")[0] != self.name:
            raise self._error(
                f"{self.files[0]} and {file} are of different migrations",
                hint="one version is one migration; give the other one its own line",
            )
        other = seen.get(dialect_in(file))
        if other == file:
            raise self._error(f"{file} is listed twice", hint=None)
        if other is not None:
            raise self._error(
                f"{other} and {file} are both for {dialect_in(file)}", hint="keep one of them"
            )

    def _error(self, message: str, *, hint: str | None) -> ManifestError:
        """Return the error that names this entry's line."""
        return ManifestError(message, line=self.line or None, hint=hint)


def dialect_in(file: str) -> str | None:
    """Return the database that a file is for, None for NAME.py."""
    name = file.rpartition(".")[0]
    return name.partition(".")[2] or None


def check_file(file: str) -> None:
    """Raise ManifestError unless *file* may be listed: NAME.py, NAME.DIALECT.py or .sql."""
    if not file or set(file) & {"/", "\\", "\0"} or file in (".", ".."):
        raise ManifestError(f"{shown(file)} is a path, expected a plain file name")
    if file.endswith("_test.py"):
        raise ManifestError(
            f"{shown(file)} is a test, expected a migration",
            hint="a test stands beside its migration and is not listed",
        )
    found = _FILE.fullmatch(file)
    if found is None or (found["suffix"] == "sql" and not found["dialect"]):
        raise ManifestError(
            f"{shown(file)} is not the name of a migration",
            hint="expected NAME.py, NAME.DIALECT.py or NAME.DIALECT.sql, where NAME can be "
            "imported by Python: letters, digits and _, a letter first",
        )
    check_name(found["name"])
    if found["dialect"] and found["dialect"] not in _NAMES:
        raise ManifestError(
            f"{shown(file)} is for {found['dialect']!r}, expected one of {', '.join(_NAMES)}"
        )


def check_name(name: str) -> None:
    """Raise ManifestError unless *name* can be a migration's: an identifier, free to import."""
    if not name.isascii() or not name.isidentifier() or name.startswith("_"):
        raise ManifestError(
            f"{shown(name)} cannot be a migration's name",
            hint="use letters, digits and _, a letter first, so that Python can import it",
        )
    if keyword.iskeyword(name):
        raise ManifestError(
            f"{name!r} is a keyword of Python and cannot be imported",
            hint="choose another name",
        )
    if name == "conftest" or name.endswith("_test"):
        raise ManifestError(
            f"{name!r} is a name that pytest takes for its own", hint="choose another name"
        )
    if len(name) > MAX_NAME:
        raise ManifestError(
            f"the name {shown(name)} has {len(name)} characters, at most {MAX_NAME} fit"
        )


def shown(text: str, limit: int = 60) -> str:
    """Return *text* quoted for a message, cut when it is long."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def texts(value: object) -> Sequence[str] | None:
    """Return *value* when it is a list of texts."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    return None
