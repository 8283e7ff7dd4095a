"""How a database is opened: the one place where engines are made."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from migrator.errors import CONNECTING, ConfigurationError, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine, ExceptionContext

APPLICATION_NAME = "migrator"
CONNECT_TIMEOUT_SECONDS = 10


def open_engine(url: str | sa.URL, *, writes: bool = True) -> Engine:
    """Return an engine for *url* that never shows parameters and keeps no idle connections.

    On SQLite a transaction really is one: BEGIN is sent where SQLAlchemy begins, because
    the driver would not open a transaction before DDL; with *writes*, as the one writer.
    Without, a file that is not there is an error instead of a new, empty database.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise _unreadable() from error
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
        if not writes:
            _refuse_missing(parsed)
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


def _refuse_missing(url: sa.URL) -> None:
    """Raise ConfigurationError when the file of an SQLite database is not there."""
    name = url.database or ""
    if name in ("", ":memory:") or name.startswith("file:") or Path(name).exists():
        return
    raise ConfigurationError(
        f"there is no database {name!r}", hint="sqlite:///relative or sqlite:////absolute"
    )


def begin_for_real(engine: Engine, begin_with: str = "BEGIN IMMEDIATE") -> None:
    """Make *engine*, of SQLite, begin a transaction where SQLAlchemy says so."""

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
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
    """Open a connection to look with; what the driver raises is ours, without row data."""
    engine = open_engine(url, writes=False)
    try:
        with engine.connect() as connection:
            yield connection
            connection.rollback()
    except sa.exc.SQLAlchemyError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise wrap(error, doing=f"reading {where}") from None
