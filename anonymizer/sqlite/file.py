"""A SQLite file: a new one with the same schema and masked rows.

It is written anew, table by table, and never made of a copy: in a copy the old values would
stay in pages that are free.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anonymizer.column import TableName
from anonymizer.errors import AnonymizerError, DumpError
from anonymizer.output import path_aside, refuse_existing
from anonymizer.sqlite import HEAD, schema
from anonymizer.sqlite.bare import create_bare, dress, may_be_bare
from anonymizer.sqlite.check import compare, explained, look, refuse_cut
from anonymizer.sqlite.rows import copy_as_is, copy_masked
from anonymizer.sqlite.virtual import SHADOWS, fill, masker_of, shadows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from anonymizer.engine import Engine
    from anonymizer.masker import Masker
    from anonymizer.sqlite.schema import Entry, Shape
    from anonymizer.stream import Tally

BESIDE = ("-wal", "-shm", "-journal")
"""Ends of the names of files that SQLite keeps beside a database."""
FIRST = ("page_size", "auto_vacuum")
"""What has to be set before anything is written."""
LAST = ("user_version", "application_id")
WRITING = {
    "journal_mode": "OFF",
    "synchronous": "OFF",
    "cache_size": -32768,
    "secure_delete": "OFF",
}
"""How to write what nobody else sees yet: if it fails it is removed."""
READING = -8192
BUSY_SECONDS = 60
_TICK = 200_000
"""Steps of SQLite's machine from one look at what else is to do to the next."""


def rewrite_file(  # noqa: PLR0913
    source: Path,
    target: Path,
    engine: Engine,
    tally: Tally,
    *,
    force: bool = False,
    tick: Callable[[int], None] | None = None,
) -> tuple[str, ...]:
    """Write the masked database of the file *source* to *target*; return what is to be noted.

    *source* is only read, in one transaction: its application may go on. *tally* counts what
    was masked, *tick* is told now and then how many bytes are written. Nothing is at *target*
    until all is there, and foreign keys and indexes are looked through.

    Raises PolicyError for what is not decided, DumpError for a file that cannot be read or
    whose constraints do not hold for masked values.
    """
    _refuse(source, target, force=force)
    with path_aside(target) as aside:
        try:
            with explained(), _opened(source, aside, tick) as connection:
                notes = _rewrite(connection, source, engine, tally)
        finally:
            for end in BESIDE:
                aside.with_name(aside.name + end).unlink(missing_ok=True)
        tally.read = source.stat().st_size
        tally.written = aside.stat().st_size
    return notes


def _refuse(source: Path, target: Path, *, force: bool) -> None:
    """Refuse what is no database to read, and a place where none may be written."""
    try:
        with source.open("rb") as file:
            head = file.read(len(HEAD))
    except OSError as error:
        raise DumpError(f"{source} cannot be read: {error.strerror}") from error
    if head != HEAD:
        raise DumpError(
            f"{source} is no SQLite database",
            hint="one that is encrypted has to be written out in clear first" if head else None,
        )
    if target.exists() and target.samefile(source):
        raise AnonymizerError(f"{target} is the original itself", hint="choose another name")
    refuse_existing(target, force=force)
    for end in BESIDE:
        beside = target.with_name(target.name + end)
        if beside.exists():
            raise AnonymizerError(
                f"{beside}: a database of that name is in use, or was when it crashed",
                hint="choose another name: SQLite would mix the two",
            )


@contextmanager
def _opened(
    source: Path, aside: Path, tick: Callable[[int], None] | None
) -> Iterator[sqlite3.Connection]:
    """Give a connection to the new file, with the original beside it for reading."""
    original = f"{source.absolute().as_uri()}?mode=ro"
    with closing(_connected(original)) as reader:
        encoding = reader.execute("PRAGMA encoding").fetchone()[0]
    with closing(_connected(aside.absolute().as_uri())) as connection:
        # Files on one connection have one encoding.
        connection.execute(f"PRAGMA main.encoding = {encoding!r}")
        connection.execute("ATTACH ? AS source", (original,))
        # A table is read twice at once: what the masks have read is read again for the copy.
        connection.execute(f"PRAGMA source.cache_size = {READING}")
        connection.set_progress_handler(lambda: _ticked(aside, tick), _TICK)
        yield connection


def _connected(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)


def _ticked(aside: Path, tick: Callable[[int], None] | None) -> int:
    """Say how much is written; Python looks at its signals here too."""
    if tick:
        tick(aside.stat().st_size)
    return 0


def _rewrite(
    connection: sqlite3.Connection, source: Path, engine: Engine, tally: Tally
) -> tuple[str, ...]:
    connection.execute("PRAGMA foreign_keys = OFF")
    for name, value in WRITING.items():
        connection.execute(f"PRAGMA main.{name} = {value}")
    for name in FIRST:
        connection.execute(f"PRAGMA main.{name} = {_setting(connection, name)!r}")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("BEGIN")
    entries = schema.read_entries(connection, "source")
    refuse_cut(connection, source, "source")
    dropped = [each for each in entries if each.table in schema.SAMPLES]
    kept = [each for each in entries if each not in dropped]
    _build(connection, kept, engine, tally)
    for name in LAST:
        connection.execute(f"PRAGMA main.{name} = {_setting(connection, name)}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA writable_schema = RESET")
    compare(connection, kept)
    notes = [
        f"{each.name} is left out: it holds values of rows; ANALYZE makes it again"
        for each in dropped
        if each.type == "table"
    ]
    notes += look(connection)
    if _setting(connection, "journal_mode") == "wal":
        connection.execute("PRAGMA main.journal_mode = WAL")
    return tuple(notes)


def _setting(connection: sqlite3.Connection, name: str) -> int | str:
    """Return what the original says of itself in *name*."""
    found: int | str = connection.execute(f"PRAGMA source.{name}").fetchone()[0]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A table that is to be made and filled."""

    entry: Entry
    shape: Shape
    masker: Masker | None
    """None where all stays as it is."""
    indexes: Sequence[Entry]


def _build(
    connection: sqlite3.Connection, entries: Sequence[Entry], engine: Engine, tally: Tally
) -> None:
    """Make all of *entries* and their rows; triggers come when nothing is written any more."""
    own = shadows(entries)
    tables = [each for each in entries if each.holds_rows and each.name not in own]
    virtual = [each for each in entries if each.module in SHADOWS]
    # What is not decided is seen before anything is copied.
    jobs = [_job(connection, each, entries, engine) for each in tables]
    maskers = [masker_of(connection, each, engine) for each in virtual]
    # What is written to others writes to the sequences too.
    for job in sorted(jobs, key=lambda job: job.entry.name == schema.SEQUENCE):
        with explained(job.entry.name):
            _do(connection, job, tally)
    schema.insert(connection, [each for each in entries if each.type == "view"])
    # One may index another, which then stands before it.
    pairs = zip(virtual, maskers, strict=True)
    for each, masker in sorted(pairs, key=lambda pair: bool(pair[0].options.get("content"))):
        with explained(each.name):
            fill(connection, each, masker, tally)
    rest = [each for each in entries if each.module and each not in virtual]
    triggers = [each for each in entries if each.type == "trigger"]
    schema.insert(connection, [*rest, *triggers])
    schema.order(connection, entries)


def _job(
    connection: sqlite3.Connection, entry: Entry, entries: Sequence[Entry], engine: Engine
) -> _Job:
    """Return what is to be done for the table *entry*: what ANALYZE and SQLite count is kept."""
    with explained(entry.name):
        shape = schema.read_shape(connection, entry.name)
    counts = entry.name in {schema.SEQUENCE, schema.STATISTICS}
    masker = None if counts else engine.masker(TableName(None, entry.name), shape.columns)
    masker = masker if masker and masker.masked else None
    indexes = [each for each in entries if each.type == "index" and each.table == entry.name]
    return _Job(entry=entry, shape=shape, masker=masker, indexes=indexes)


def _do(connection: sqlite3.Connection, job: _Job, tally: Tally) -> None:
    """Make the table of *job*, its rows and its indexes."""
    keys = [each for each in job.indexes if each.sql is None]
    bare = job.masker is not None and may_be_bare(job.entry, job.shape, keys)
    if bare:
        create_bare(connection, job.entry)
    else:
        schema.create(connection, [job.entry])
    if job.masker is None:
        # Indexes that are there already are copied too, page by page.
        schema.create(connection, job.indexes)
        copy_as_is(connection, job.entry.name, job.shape)
        return
    copy_masked(connection, job.entry.name, job.shape, job.masker, tally)
    if bare:
        dress(connection, job.entry, keys)
    schema.create(connection, job.indexes)
