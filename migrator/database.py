"""How a database is opened: the one place where engines are made."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from migrator.config import show_url
from migrator.dialects import dialect_named, dialect_of, said
from migrator.errors import CONNECTING, ConfigurationError, DatabaseError, error_code
from migrator.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine, ExceptionContext

APPLICATION_NAME = "migrator"
CONNECT_TIMEOUT_SECONDS = 10
AUTOCOMMIT = "AUTOCOMMIT"
SYNC = {
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite",
}
"""Database → a driver that waits, to name where one for async code was given."""


def open_engine(url: str | sa.URL, *, writes: bool = True) -> Engine:
    """Return an engine for *url* that never shows parameters and keeps no idle connections.

    On SQLite a transaction really is one: BEGIN is sent where SQLAlchemy begins, because
    the driver would not open a transaction before DDL; with *writes*, as the one writer.
    Without, a file that is not there is an error instead of a new, empty database.
    """
    parsed = _parsed(url)
    try:
        engine = sa.create_engine(
            parsed,
            hide_parameters=True,
            poolclass=NullPool,
            connect_args=_connect_args(parsed),
        )
    except (sa.exc.ArgumentError, ValueError) as error:
        raise _unreadable() from error
    except ImportError as error:
        raise ConfigurationError(
            f"the driver of {parsed.drivername!r} is not installed: no module named {error.name!r}",
            hint="install migrator with its extra: postgresql, psycopg, mysql or mysqlclient",
        ) from error
    event.listen(engine, "handle_error", _mark_connecting)
    if engine.dialect.name == "sqlite":
        if not writes and is_missing(parsed):
            raise ConfigurationError(
                f"there is no database {parsed.database!r}",
                hint="sqlite:///relative or sqlite:////absolute",
            )
        begin_for_real(engine, "BEGIN IMMEDIATE" if writes else "BEGIN")
    return engine


def _mark_connecting(context: ExceptionContext) -> None:
    """Mark an error that was raised before there was a connection."""
    if context.connection is None and context.sqlalchemy_exception is not None:
        setattr(context.sqlalchemy_exception, CONNECTING, True)


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "the database URL cannot be read",
        hint="expected something like postgresql+psycopg2://user@host/name or sqlite:///file.db",
    )


def is_missing(url: str | sa.URL) -> bool:
    """Return whether *url* is that of a file of SQLite that is not there yet."""
    parsed = _parsed(url)
    name = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or name in ("", ":memory:"):
        return False
    return not name.startswith("file:") and not Path(name).exists()


def _parsed(url: str | sa.URL) -> sa.URL:
    """Return *url*, which has to lead to a database that migrator knows."""
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
        dialect_named(backend)
        if parsed.get_dialect().is_async:
            raise ConfigurationError(
                f"the driver of {parsed.drivername!r} is for async code only",
                hint=f"name another one for migrator, as {SYNC[backend]}://…",
            )
    except (sa.exc.ArgumentError, ValueError) as error:
        raise _unreadable() from error
    if backend in ("mysql", "mariadb") and not parsed.database:
        raise ConfigurationError(
            "the database URL names no database", hint=f"{parsed.drivername}://user@host/name"
        )
    return parsed


def begin_for_real(engine: Engine, begin_with: str = "BEGIN IMMEDIATE") -> None:
    """Make *engine*, of SQLite, begin a transaction where SQLAlchemy says so."""

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != AUTOCOMMIT:
            connection.exec_driver_sql(begin_with)


def _connect_args(url: sa.URL) -> dict[str, Any]:
    """Return what each driver wants to be told: who we are and how long to wait."""
    if url.get_backend_name() == "postgresql":
        return {
            "application_name": url.query.get("application_name", APPLICATION_NAME),
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        }
    if url.get_backend_name() in ("mysql", "mariadb"):
        return {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    return {}


@contextmanager
def read_only(url: str | sa.URL) -> Iterator[Connection]:
    """Open a connection to look with; what the driver raises is ours, without row data.

    Each look is a transaction of its own: a lock that a long one keeps until the end of its
    transaction would be in the way of whoever alters the table. Ctrl-C ends it.
    """
    engine = open_engine(url, writes=False)
    with (
        errors_are_ours(engine, f"reading {show_url(url)}"),
        interruptible(engine),
        engine.connect() as connection,
    ):
        yield connection.execution_options(isolation_level=AUTOCOMMIT)


@contextmanager
def errors_are_ours(engine: Engine, doing: str) -> Iterator[None]:
    """Raise what the driver of *engine* raises in the body as a DatabaseError."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        words = said(dialect_of(engine.dialect), error)
        raise DatabaseError(f"{doing} failed: {words}", code=error_code(error)) from None
