"""PostgreSQL's dumps: plain, custom, directory, tar; restored as the role of the code under test.

A plain dump is run by psql in restricted mode, where it does no command of its own, and without
what only makes sense on the machine that it comes from: databases, roles, owners, privileges,
tablespaces. Extensions are made before, as their maker allows; nothing else by a superuser.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from ci.databases.restoring import script
from ci.databases.restoring.archive import Archive
from ci.databases.restoring.client import feed
from ci.databases.restoring.compression import RESTORE, compressed, content, head
from ci.databases.restoring.extensions import Extension, extension_in
from ci.errors import DatasetError, SetupError, ToolError
from ci.programs import Program, find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

RESTRICTED = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
"""Since which minor version of psql there is a restricted mode; in 18, always."""
CUSTOM, TAR = b"PGDMP", b"ustar"
BEGINNING = re.compile(rb"^-- PostgreSQL database dump$", re.MULTILINE)
END = b"-- PostgreSQL database dump complete"
DROPPED = re.compile(
    rb"(?:CREATE|DROP|ALTER)\s+(?:DATABASE|ROLE|USER|GROUP|TABLESPACE)\s|(?:GRANT|REVOKE)\s"
    rb"|ALTER\s.*\sOWNER\s+TO\s[^;]*;\s*$|ALTER\s+DEFAULT\s+PRIVILEGES\s|SECURITY\s+LABEL\s"
    rb"|COMMENT\s+ON\s+(?:EXTENSION|DATABASE)\s|CREATE\s+EXTENSION\s|DROP\s+EXTENSION\s"
    rb"|SET\s+(?:SESSION\s+AUTHORIZATION|ROLE)\s|RESET\s+(?:SESSION\s+AUTHORIZATION|ROLE)"
    rb"|SET\s+default_tablespace\s*=\s*'?[^' ;]",
    re.IGNORECASE,
)
SETTING = re.compile(rb"SET\s+(?:SESSION\s+|LOCAL\s+)?(\w+)\s*(?:=|TO\s)", re.IGNORECASE)
SCHEMA = re.compile(rb"CREATE\s+SCHEMA\s+(?!IF\s|AUTHORIZATION)", re.IGNORECASE)
COMMAND = re.compile(rb"\\(?P<name>\w+|\S)\s*(?P<rest>.*?)[;\s]*$", re.DOTALL)
COPY = re.compile(rb"COPY\s.*\sFROM\s+stdin\b[^;]*;\s*$", re.IGNORECASE | re.DOTALL)
EMPTY_DATABASES = {b"postgres", b"template1"}
"""What pg_dumpall goes through as well."""
DATA = re.compile(rb"(?:COPY|INSERT|CREATE\s+TABLE)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The empty database that a dump is restored into."""

    environment: Mapping[str, str] = field(repr=False)
    """How programs get at it, as the role of the code under test."""
    settings: frozenset[bytes]
    """The names of the server's settings; a newer pg_dump sets others."""
    make_extensions: Callable[[list[Extension]], None]
    log: Path
    scratch: Path
    """A folder for what has to be decompressed first; it goes with the server."""
    seconds: float
    jobs: int


def restore(dump: Path, target: Target) -> None:
    """Restore a dump of any form. Raises SetupError, DatasetError, ToolError, DeadlineError."""
    if dump.is_dir():
        _archive(dump, target).restore()
        return
    first = head(dump, log=target.log)
    if not first.startswith(CUSTOM) and first[257:262] != TAR:
        _restore_plain(dump, target)
    elif compressed(dump):
        whole = target.scratch / "archive"
        with content(dump, log=target.log) as source, whole.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        _archive(whole, target).restore()
        whole.unlink()
    else:
        _archive(dump, target).restore()


def _archive(path: Path, target: Target) -> Archive:
    if path.is_dir() and not (path / "toc.dat").is_file():
        raise DatasetError(
            "the dump is a folder without toc.dat: not one of pg_dump --format=directory",
            hint="name the folder that pg_dump wrote, or the file in it",
        )
    return Archive(
        path=path,
        environment=target.environment,
        make_extensions=target.make_extensions,
        log=target.log,
        seconds=target.seconds,
        jobs=1 if path.is_file() and _is_tar(path) else target.jobs,
    )


def _is_tar(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(262)[257:] == TAR


def _restore_plain(dump: Path, target: Target) -> None:
    psql = _psql()
    with content(dump, log=target.log) as stream:
        target.make_extensions(list(_extensions(stream)))
    arguments = [psql, "--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null"]
    settings = ["--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose"]
    restricted = f"--command=\\restrict {secrets.token_hex(16)}"
    program = Program(
        arguments=[*arguments, *settings, restricted, "--file=-"], environment=target.environment
    )
    with content(dump, log=target.log) as stream:
        lines = script.edited(stream, script.POSTGRESQL, Plain(target.settings))
        whole = script.whole(lines, begins=BEGINNING, ends=END)
        feed(program, whole, log=target.log, seconds=target.seconds)


def _psql() -> str:
    """Return the path of a psql that has a restricted mode."""
    path = find_program("psql", package="postgresql-client")
    said = subprocess.run(  # noqa: S603 - a program that is installed
        [path, "--version"], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    found = re.search(r"(\d+)\.(\d+)", said) or re.search(r"(\d+)()", said)
    major, minor = (int(each or 0) for each in found.groups()) if found else (0, 0)
    if major < min(RESTRICTED) or minor < RESTRICTED.get(major, 0):
        raise ToolError(
            f"psql {major}.{minor} cannot be kept from running what a dump says",
            hint="install the newest minor version of PostgreSQL's client: 15.14, 16.10, 17.6, 18",
        )
    return path


class Plain:
    """Leaves out of a plain dump what is not for here."""

    def __init__(self, settings: frozenset[bytes]) -> None:
        self._settings = settings
        self._databases: set[bytes] = set()

    def edit(self, line: bytes, lexer: script.Lexer) -> bytes | None:
        """Return *line* as it is run, or None to leave its statement out."""
        if not lexer.fresh:
            return line
        if line.startswith(b"\\"):
            self._command(line)
            return b"\n"
        if DROPPED.match(line) or self._unknown(line):
            return None
        return SCHEMA.sub(b"CREATE SCHEMA IF NOT EXISTS ", line, count=1)

    def rows(self, line: bytes) -> bool:
        """Say whether rows follow."""
        return COPY.match(line) is not None

    def _unknown(self, line: bytes) -> bool:
        setting = SETTING.match(line)
        return setting is not None and setting[1].lower() not in self._settings

    def _command(self, line: bytes) -> None:
        """Take note of a command of psql; raises SetupError for one that is not done."""
        match = COMMAND.match(line)
        name = match["name"] if match else b""
        if name in {b"restrict", b"unrestrict"}:
            return
        if match is None or name not in {b"connect", b"c"}:
            raise SetupError(
                "the dump has a command of psql other than \\connect",
                step=RESTORE,
                hint="commands of psql are not run: they could do anything on this machine",
            )
        self._databases.add(match["rest"].split(b" ")[0].strip(b"\"'"))
        if len(self._databases - EMPTY_DATABASES) > 1:
            raise SetupError(
                "the dump has several databases", step=RESTORE, hint="dump one with pg_dump"
            )


def _extensions(stream: BinaryIO) -> Iterator[Extension]:
    """Yield the extensions that a plain dump makes; they stand before its first table."""
    syntax = script.POSTGRESQL
    lexer = script.Lexer(syntax)
    while line := stream.readline(script.LONGEST_LINE):
        if lexer.fresh and DATA.match(line):
            return
        if lexer.fresh and (found := extension_in(line)):
            yield found
        lexer.read(b"\n" if lexer.fresh and line.startswith(b"\\") else line)
