"""Live databases: read and written through the programs that come with them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import sqlalchemy as sa

from anonymizer.errors import AnonymizerError, ToolError
from anonymizer.live.mariadb import MariaDB
from anonymizer.live.postgresql import PostgreSQL
from anonymizer.programs import reading, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anonymizer.live.base import Database, Login, Note, Sink

DATABASES: tuple[Database, ...] = (PostgreSQL(), MariaDB())
"""Every database that is read and written live, but for SQLite, which is a file."""

SHOWN = 3
"""Names of what stands in a database that is not empty."""


def read_url(text: str) -> sa.URL:
    """Return the URL *text*; an error does not repeat it, as it may hold a password."""
    try:
        return sa.make_url(text)
    except sa.exc.ArgumentError:
        raise AnonymizerError(
            "the URL of a database cannot be read",
            hint="expected dialect://user:password@host:port/database",
        ) from None


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the file that *url* names, None when it is not of SQLite."""
    if url.get_backend_name() != "sqlite":
        return None
    if url.query or (url.database or "").startswith("file:"):
        raise AnonymizerError(
            "arguments in the URL of a SQLite file are not understood",
            hint="name the file: sqlite:///path/to/file.db",
        )
    if not url.database or url.database == ":memory:":
        raise AnonymizerError("a SQLite database in memory is of its process only")
    return Path(url.database)


@contextmanager
def dumped(url: sa.URL, *, note: Note, portable: bool = False) -> Iterator[BinaryIO]:
    """Give the dump of the database at *url*, of one moment.

    A *portable* one leaves out who owns what and who may do what. *note* is told what is left
    out and what is not of that moment. Raises ToolError when the dump fails, when the body
    ends: open what is written to around this.
    """
    database = database_of(url)
    with database.login(url) as login:
        database.look_at_source(login, note)
        with reading(database.dump(login, portable=portable)) as stream:
            yield stream


@contextmanager
def loaded(url: sa.URL, *, note: Note, original: sa.URL | None = None) -> Iterator[Sink]:
    """Give what takes a dump into the empty database at *url*.

    Nothing in it looks complete before the body has ended well, and foreign keys were looked
    at: *note* is told. Raises AnonymizerError when it is not empty: nothing is ever dropped;
    ToolError when something cannot be loaded, or a key does not hold that held in *original*.
    """
    database = database_of(url)
    with ExitStack() as stack:
        login = stack.enter_context(database.login(url))
        known = stack.enter_context(database.login(original)) if original is not None else None
        found = database.contents(login)
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise AnonymizerError(
                f"the target is not empty: it has {', '.join(found[:SHOWN])}{more}",
                hint=database.hint_to_empty,
            )
        with database.half_loaded():
            with _loading(database, login) as sink:
                yield sink
            database.finish(login, known, note)


@contextmanager
def _loading(database: Database, login: Login) -> Iterator[Sink]:
    sink: Sink | None = None
    program = database.load(login)
    try:
        with writing(program, first=database.first, last=database.last) as stream:
            sink = database.sink(stream)
            yield sink
    except ToolError as error:
        raise (database.explained(sink, error) if sink is not None else error) from None


def copy_live(
    source: sa.URL,
    target: sa.URL,
    anonymize: Callable[[BinaryIO, Sink], None],
    *,
    note: Note,
) -> None:
    """Copy the database at *source* into the empty one at *target*, through *anonymize*.

    Raises AnonymizerError for databases of two kinds, and for one database.
    """
    database = database_of(source)
    if database_of(target) is not database:
        raise AnonymizerError(
            f"the target is of another kind than the source: {target.get_backend_name()}",
            hint=f"give the URL of a database of {source.get_backend_name()}",
        )
    if database.place(source) == database.place(target):
        raise AnonymizerError("the source and the target are one database")
    # The target is around the source: a dump that is cut off must not be completed.
    with (
        loaded(target, note=note, original=source) as written,
        dumped(source, note=note, portable=True) as read,
    ):
        anonymize(read, written)


def database_of(url: sa.URL) -> Database:
    """Return the kind of database that *url* names; raise AnonymizerError if none is known."""
    name = url.get_backend_name()
    for each in DATABASES:
        if name in each.names:
            return each
    known = [name for each in DATABASES for name in each.names]
    raise AnonymizerError(
        f"a database of {name} cannot be read or written live",
        hint=f"there are {', '.join(known)}",
    )
