"""Archive: a dump that pg_restore reads; it runs SQL in the server and nothing else."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.databases.restoring.client import failed
from ci.databases.restoring.compression import RESTORE
from ci.databases.restoring.extensions import Extension, extension_in
from ci.errors import SetupError
from ci.programs import Program, find_program, run, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

LEFT_OUT = re.compile(
    rb"\d+; \d+ \d+ (?:EXTENSION|DATABASE|DATABASE PROPERTIES|PUBLICATION|PUBLICATION TABLE"
    rb"|SUBSCRIPTION|COMMENT - EXTENSION|COMMENT - DATABASE|SECURITY LABEL) "
)
"""Entries of a list that are not restored: they need a superuser, or another machine."""
SCHEMA = re.compile(rb"\d+; \d+ \d+ SCHEMA - (?P<name>.*) [^ ]+$")
OPTIONS = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-security-labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A file or folder of pg_dump's own forms."""

    path: Path
    environment: Mapping[str, str] = field(repr=False)
    make_extensions: Callable[[list[Extension]], None]
    log: Path
    seconds: float
    jobs: int

    def restore(self) -> None:
        """Restore it, several tables at once."""
        extensions = list(self._extensions())
        self.make_extensions(extensions)
        made = {each.schema.encode() for each in extensions if each.schema}
        list_file = self.log.with_name("list")
        with list_file.open("wb") as file:
            file.writelines(_wanted(self._read(["--list"]), made))
        options = ["--exit-on-error", f"--jobs={self.jobs}", f"--use-list={list_file}"]
        program = self._program(
            [*options, f"--dbname={self.environment['PGDATABASE']}", "--no-password"]
        )
        began = self.log.stat().st_size
        status = run(program, log=self.log, seconds=self.seconds, step=RESTORE)
        if status:
            raise failed(program, status, self.log, began)

    def _extensions(self) -> Iterator[Extension]:
        """Yield the extensions; the list of entries does not say their schemas."""
        for line in self._read(["--section=pre-data", "--file=-"]):
            if found := extension_in(line):
                yield found

    def _read(self, options: Sequence[str]) -> Iterator[bytes]:
        began = self.log.stat().st_size if self.log.exists() else 0
        program = self._program(options)
        with start(program, log=self.log, stdout=subprocess.PIPE) as running:
            yield from running.stdout
            status = running.wait(self.seconds, step=RESTORE)
        if status:
            raise self._unreadable(program, status, began)

    def _unreadable(self, program: Program, status: int, began: int) -> SetupError:
        error = failed(program, status, self.log, began)
        with self.log.open("rb") as log:
            log.seek(began)
            newer = b"unsupported version" in log.read(1 << 16)
        hint = "a newer pg_dump wrote it: install that version of PostgreSQL" if newer else None
        return SetupError("pg_restore cannot read the dump", step=RESTORE, hint=hint or error.hint)

    def _program(self, options: Sequence[str]) -> Program:
        pg_restore = find_program("pg_restore", package="postgresql-client")
        return Program(
            arguments=[pg_restore, *OPTIONS, *options, self.path], environment=self.environment
        )


def _wanted(entries: Iterator[bytes], made: set[bytes]) -> Iterator[bytes]:
    """Yield the lines of a list, without what is not restored, and schemas that are *made*."""
    for line in entries:
        schema = SCHEMA.match(line.rstrip())
        if not LEFT_OUT.match(line) and not (schema and schema["name"] in made):
            yield line
