"""How a database is opened: the one place where engines are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

APPLICATION_NAME = "migrator"
CONNECT_TIMEOUT_SECONDS = 10


def open_engine(url: str | sa.URL) -> Engine:
    """Return an engine for *url* that never shows parameters and keeps no idle connections.

    On SQLite a transaction really is one: BEGIN IMMEDIATE is sent where SQLAlchemy
    begins, because the driver would not open a transaction before DDL.
    """
    try:
        parsed = sa.make_url(url)
        engine = sa.create_engine(
            parsed,
            hide_parameters=True,
            poolclass=NullPool,
            connect_args=_connect_args(parsed),
        )
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ValueError) as error:
        raise ConfigurationError(
            "the database URL cannot be read",
            hint="expected something like postgresql+psycopg2://user@host/name or "
            "sqlite:///file.db",
        ) from error
    except ImportError as error:
        raise ConfigurationError(
            f"the driver of {parsed.drivername!r} is not installed: no module named {error.name!r}",
            hint="install migrator with its extra: postgresql, psycopg, mysql or mysqlclient",
        ) from error
    if engine.dialect.name == "sqlite":
        begin_for_real(engine)
    return engine


def begin_for_real(engine: Engine) -> None:
    """Make *engine*, of SQLite, begin a transaction where SQLAlchemy says so."""

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


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
