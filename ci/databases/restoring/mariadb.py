"""MariaDB's and MySQL's dumps: SQL that the client runs in sandbox mode, as the role under test.

Left out is what belongs to the machine that the dump comes from: the names of databases, and who
defined views, triggers and routines. A definer is a user whose power the code gets; here it is
the role that restores, which has none.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.databases.restoring import script
from ci.databases.restoring.client import feed
from ci.databases.restoring.compression import RESTORE, content
from ci.errors import DatasetError, SetupError, ToolError
from ci.programs import Program, find_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BEGINNING = re.compile(rb"^-- (?:MySQL|MariaDB) dump ", re.MULTILINE)
END = b"-- Dump completed"
DELIMITER = re.compile(rb"DELIMITER\s+(\S+)", re.IGNORECASE)
DROPPED = re.compile(
    rb"(?:/\*!\d+\s*)?(?:CREATE|DROP|ALTER)\s+(?:/\*!.*?\*/\s*)?(?:DATABASE|SCHEMA|USER|ROLE)\s"
    rb"|GRANT\s|REVOKE\s|FLUSH\s|CHANGE\s+MASTER\s|(?:START|STOP)\s+(?:SLAVE|REPLICA)"
    rb"|SET\s+(?:@@GLOBAL\.GTID|@@SESSION\.SQL_LOG_BIN|GLOBAL\s|PASSWORD)"
    rb"|SET\s+@MYSQLDUMP_TEMP_LOG_BIN",
    re.IGNORECASE,
)
USE = re.compile(rb"USE\s+(`(?:[^`]|``)+`|\w+)\s*;\s*$", re.IGNORECASE)
DEFINED = re.compile(rb"\s*(?:CREATE\s|/\*!\d+\s)", re.IGNORECASE)
NAME = rb"(?:`[^`]*`|'[^']*'|\"[^\"]*\"|[\w.%-]+)"
DEFINER = re.compile(rb"DEFINER\s*=\s*" + NAME + rb"\s*(?:@\s*" + NAME + rb")?", re.IGNORECASE)
COMMAND = re.compile(rb"\\[!.TPRe]|(?:system|source|tee|pager)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The empty database that a dump is restored into."""

    socket: Path
    user: str
    password: str = field(repr=False)
    database: str
    log: Path
    seconds: float


def restore(dump: Path, target: Target) -> None:
    """Restore a dump. Raises SetupError, DatasetError, ToolError, DeadlineError."""
    if dump.is_dir():
        raise DatasetError(
            "the dump is a folder", hint="dump to one file, with mariadb-dump or mysqldump"
        )
    client = find_program("mariadb", "mysql", package="mariadb-client")
    program = Program(
        arguments=[
            client,
            "--no-defaults",
            *_confined(client),
            "--local-infile=0",
            "--max-allowed-packet=1G",
            "--default-character-set=utf8mb4",
            f"--socket={target.socket}",
            f"--user={target.user}",
            target.database,
        ],
        environment=_environment(target),
    )
    with content(dump, log=target.log) as stream:
        lines = script.edited(stream, script.MARIADB, Sql())
        whole = script.whole(lines, begins=BEGINNING, ends=END)
        feed(program, whole, log=target.log, seconds=target.seconds)


def _environment(target: Target) -> Mapping[str, str]:
    return {**Program(arguments=[""]).environment, "MYSQL_PWD": target.password}


def _confined(client: str) -> list[str]:
    """Return the options with which *client* runs nothing but SQL."""
    said = subprocess.run(  # noqa: S603 - a program that is installed
        [client, "--no-defaults", "--help", "--verbose"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout
    options = [each for each in ("--sandbox", "--binary-mode") if each in said]
    if "--system-command" in said:  # MySQL since 8.0.40
        options.append("--system-command=OFF")
    if "--binary-mode" not in options:
        raise ToolError(
            "the client of MariaDB cannot be kept from running what a dump says",
            hint="install a client that has the option --binary-mode",
        )
    return options


class Sql:
    """Leaves out of a dump what is not for here."""

    def __init__(self) -> None:
        self._databases: set[bytes] = set()

    def edit(self, line: bytes, lexer: script.Lexer) -> bytes | None:
        """Return *line* as it is run, or None to leave its statement out."""
        if DEFINED.match(line):
            line = DEFINER.sub(b"DEFINER=CURRENT_USER", line, count=1)
        return self._edit_first(line, lexer) if lexer.fresh else line

    def _edit_first(self, line: bytes, lexer: script.Lexer) -> bytes | None:
        if delimiter := DELIMITER.match(line):
            lexer.delimiter = delimiter[1]
            return line
        if COMMAND.match(line):
            raise SetupError(
                "the dump has a command of the client",
                step=RESTORE,
                hint="such commands are not run: they could do anything on this machine",
            )
        if use := USE.match(line):
            self._use(use[1])
            return None
        return None if DROPPED.match(line) else line

    def _use(self, name: bytes) -> None:
        self._databases.add(name)
        if len(self._databases) > 1:
            raise SetupError(
                "the dump has several databases",
                step=RESTORE,
                hint="dump one: mariadb-dump NAME, without --all-databases",
            )

    def rows(self, _line: bytes) -> bool:
        """Say whether rows follow: never, they are statements."""
        return False
