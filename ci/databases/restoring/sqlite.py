"""SQLite's dumps: a file, or the text of .dump, which the shell runs in safe mode."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ci.databases.restoring import script
from ci.databases.restoring.client import feed
from ci.databases.restoring.compression import RESTORE, compressed, content, head
from ci.errors import DatasetError, SetupError
from ci.programs import Program, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

FILE = b"SQLite format 3\0"
BEGINNING = re.compile(rb"^BEGIN TRANSACTION;$", re.MULTILINE)
BLOCK = 1 << 20
GIVEN_UP = b"ROLLBACK;"
"""How .dump ends when it met an error."""


def restore(dump: Path, file: Path, *, log: Path, seconds: float) -> None:
    """Restore a dump into *file*. Raises SetupError, DatasetError, ToolError, DeadlineError."""
    if dump.is_dir():
        raise DatasetError("the dump is a folder", hint="name the file, or a text of .dump")
    if head(dump, log=log).startswith(FILE):
        _copy(dump, file, log=log)
    else:
        _run(dump, file, log=log, seconds=seconds)
    _check(file)


def _copy(dump: Path, file: Path, *, log: Path) -> None:
    with content(dump, log=log) as source, file.open("wb") as target:
        shutil.copyfileobj(source, target, BLOCK)
    wal = dump.with_name(f"{dump.name}-wal")
    if not compressed(dump) and wal.is_file():
        shutil.copyfile(wal, file.with_name(f"{file.name}-wal"))


def _run(dump: Path, file: Path, *, log: Path, seconds: float) -> None:
    shell = find_program("sqlite3", package="sqlite3")
    program = Program(arguments=[shell, "-safe", "-bail", "-batch", "-init", "/dev/null", file])
    with content(dump, log=log) as stream:
        lines = script.whole(_lines(stream), begins=BEGINNING, ends=b"COMMIT;")
        feed(program, lines, log=log, seconds=seconds)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    last = b""
    while line := stream.readline(script.LONGEST_LINE):
        last = line.strip() or last
        yield line
    if last.startswith(GIVEN_UP):
        raise SetupError(
            "the dump is of a damaged database, and gives up at its end",
            step=RESTORE,
            hint="mend the database with .recover, and dump it again",
        )


def _check(file: Path) -> None:
    """Raise SetupError unless the *file* is a whole database with a table."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            count = connection.execute(tables).fetchone()[0]
    except sqlite3.DatabaseError as error:
        name = error.sqlite_errorname if hasattr(error, "sqlite_errorname") else "an error"
        raise SetupError(f"SQLite cannot read the restored file: {name}", step=RESTORE) from None
    if answer != "ok":
        raise SetupError("the restored file is damaged: quick_check says no", step=RESTORE)
    if not count:
        raise no_table()


def no_table() -> SetupError:
    """Return the error of a dump with which nothing came."""
    return SetupError(
        "the dump has no table", step=RESTORE, hint="look whether it is the right one"
    )
