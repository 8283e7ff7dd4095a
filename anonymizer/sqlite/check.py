"""Checks of a new SQLite file, and what SQLite's errors may say."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anonymizer.errors import DumpError
from anonymizer.sqlite.schema import read_entries
from anonymizer.sqlite.virtual import shadows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from anonymizer.sqlite.schema import Entry


def refuse_cut(connection: sqlite3.Connection, source: Path, database: str = "main") -> None:
    """Raise DumpError when the file *source*, which is *database*, ends before its last page.

    SQLite reads zeros there. What is not yet written back from a -wal file may be missing. A
    transaction has to be open: nobody makes the file longer meanwhile.
    """
    wal = source.with_name(source.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        return
    pages, size = (
        int(connection.execute(f"PRAGMA {database}.{name}").fetchone()[0])
        for name in ("page_count", "page_size")
    )
    found = source.stat().st_size
    if found < pages * size:
        raise DumpError(
            f"{source.name} ends too early: {found:,} bytes, expected {pages * size:,}",
            hint="it was not copied whole: copy it again",
        )


def compare(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Raise DumpError when the new schema is not that of *entries*."""
    own = shadows(entries)
    old = {(each.type, each.name): each.sql for each in entries if each.table not in own}
    made = read_entries(connection, "main")
    new = {(each.type, each.name): each.sql for each in made if each.table not in own}
    for kind, name in sorted(old.keys() | new.keys()):
        if old.get((kind, name), "") != new.get((kind, name), ""):
            raise DumpError(
                f"the {kind} {name} cannot be made again as it is",
                hint="its text was written by hand into the schema, or by another SQLite",
            )


def look(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong in both files; raise DumpError for what is in the new one only."""
    for name, look in (("quick_check", _problems), ("foreign_key_check", _violations)):
        new = look(connection, "main")
        if not new:
            continue
        old = look(connection, "source")
        for problem, count in new.items():
            if count > old[problem]:
                raise DumpError(
                    f"{problem}, and was not in the original",
                    hint="let the columns of a key share one mask, and keep it unique",
                )
        yield f"{name} is as in the original: {next(iter(new))}"


def _problems(connection: sqlite3.Connection, database: str) -> Counter[str]:
    found = connection.execute(f"PRAGMA {database}.quick_check")
    return Counter(text for (text,) in found if text != "ok")


def _violations(connection: sqlite3.Connection, database: str) -> Counter[str]:
    try:
        found = connection.execute(f"PRAGMA {database}.foreign_key_check")
        return Counter(f"a row of {table} refers to no row of {to}" for table, _, to, _ in found)
    except sqlite3.OperationalError as error:
        return Counter([str(error).replace(f"{database}.", "")])


@contextmanager
def explained(table: str | None = None) -> Iterator[None]:
    """Turn an error of SQLite into ours, without what may be of a row."""
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        raise DumpError(_message(error), table=table, hint=_hint(error)) from None
    except MemoryError:  # of a file that is damaged as well: a value that says it is so large
        raise DumpError(
            "a value is larger than the memory", table=table, hint=_HINTS[sqlite3.SQLITE_CORRUPT]
        ) from None
    except UnicodeDecodeError:  # of a name, which an error of SQLite says as well
        raise DumpError(
            "a name in the schema is not UTF-8", hint=_HINTS[sqlite3.SQLITE_CORRUPT]
        ) from None


def _message(error: sqlite3.Error) -> str:
    """Return what *error* says, where that can only be names of the schema."""
    code, text = _code(error), str(error)
    if code is None:
        return f"SQLite's answer cannot be read: {type(error).__name__}"
    if code & 0xFF == sqlite3.SQLITE_ERROR and not text.startswith("no such "):
        return f"a statement failed: {error.sqlite_errorname}"
    return text


def _hint(error: sqlite3.Error) -> str | None:
    return _HINTS.get((_code(error) or 0) & 0xFF)


def _code(error: sqlite3.Error) -> int | None:
    """Return SQLite's code; None for an error of Python's own, which may hold a value."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code


_HINTS = {
    sqlite3.SQLITE_BUSY: "somebody writes to it without an end; try again, or use a copy",
    sqlite3.SQLITE_CANTOPEN: "one in WAL mode needs a folder that may be written to; or copy it"
    " together with its -wal file",
    sqlite3.SQLITE_CONSTRAINT: "choose masks that keep what the table promises",
    sqlite3.SQLITE_CORRUPT: "the original is damaged; see PRAGMA integrity_check",
    sqlite3.SQLITE_ERROR: "what the application adds to SQLite is not here: use a file without it",
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_READONLY: "it has to be recovered first: open it once with its application",
}
