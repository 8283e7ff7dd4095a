"""How a database is opened: the one place where engines are made."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from migrator.config import show_url
from migrator.dialects import DIALECTS, dialect_named, dialect_of, said
from migrator.errors import CONNECTING, ConfigurationError, DatabaseError, error_code
from migrator.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine, ExceptionContext
    from sqlalchemy.engine import Dialect as SQLAlchemyDialect

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
    parsed = read_url(url)
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
        raise _without_driver(parsed, error) from error
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "handle_error", _mark_connecting)
    if engine.dialect.name == "sqlite":
        if not writes and is_missing(parsed):
            raise ConfigurationError(
                f"there is no database {parsed.database!r}",
                hint="sqlite:///relative or sqlite:////absolute",
            )
        begin_for_real(engine, "BEGIN IMMEDIATE" if writes else "BEGIN")
    return engine


def _without_driver(url: sa.URL, error: ImportError) -> ConfigurationError:
    """Return the error for a driver that is not installed, with the extra that brings it."""
    extras = {module: extra for each in DIALECTS for module, extra in each.drivers.items()}
    extra = extras.get(str(error.name), "EXTRA")
    others = "" if extra != "EXTRA" else f", EXTRA one of {', '.join(extras.values())}"
    why = f"{error.msg[:1].lower()}{error.msg[1:]}"
    return ConfigurationError(
        f"the driver of {url.drivername!r} is not installed: {why}",
        hint=f"pip install 'migrator[{extra}]'{others}",
    )


def _connect(dialect: SQLAlchemyDialect, _record: object, args: Any, options: Any) -> Any:
    """Connect; what the driver does not know of the URL's parameters is an error of ours."""
    try:
        return dialect.connect(*args, **options)
    except TypeError as error:
        raise ConfigurationError(
            f"the driver does not take the parameters of the database URL: {error}"
        ) from error


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
    parsed = read_url(url)
    name = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or name in ("", ":memory:"):
        return False
    return not name.startswith("file:") and not Path(name).exists()


def read_url(url: str | sa.URL) -> sa.URL:
    """Return *url*, which has to lead to a database that migrator knows; no error shows it."""
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
    if "@" in (parsed.host or ""):
        # The host is what follows the first @, so it would show the rest of a password.
        raise ConfigurationError(
            "the database URL has more than one @ before the host",
            hint="in a password, write %40 for @, %2F for / and %3A for a colon",
        )
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

    @event.listens_for(engine, "handle_error")
    def end(context: ExceptionContext) -> None:
        """End the transaction of a COMMIT that a reader kept from being carried out."""
        if context.statement is None and context.connection is not None:
            driver = context.connection.connection
            if getattr(driver.driver_connection, "in_transaction", False):
                driver.rollback()


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
def read_write(url: str | sa.URL) -> Iterator[Connection]:
    """Open a connection to change something with; what the driver raises is ours as well."""
    engine = open_engine(url)
    with (
        errors_are_ours(engine, f"writing to {show_url(url)}"),
        interruptible(engine),
        engine.connect() as connection,
    ):
        yield connection


@contextmanager
def errors_are_ours(engine: Engine, doing: str) -> Iterator[None]:
    """Raise what the driver of *engine* raises in the body as a DatabaseError."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        words = said(dialect_of(engine.dialect), error)
        raise DatabaseError(f"{doing} failed: {words}", code=error_code(error)) from None
