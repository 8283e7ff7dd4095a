"""Live: a migration that can be known only by running it, because it looks at the database."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn

import sqlalchemy as sa
from sqlalchemy import event

from migrator import sql
from migrator.apply.connection import transaction
from migrator.errors import MigratorError, UnreadableError
from migrator.lint.additive import Judge
from migrator.migration import PythonSource
from migrator.migration.module import explain

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.migration import Migration


SENDING = ("do_execute", "do_execute_no_params", "do_executemany")
"""SQLAlchemy's events at which a driver's cursor would be given a statement."""


def run(connection: Connection, migration: Migration, dialect: Dialect) -> None:
    """Run the phase function of *migration* on *connection*, in its transaction."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    source = migration.source(dialect)
    if not isinstance(source, PythonSource):
        raise UnreadableError("is not Python, so it cannot run unseen", migration=migration.name)
    context = MigrationContext.configure(connection=connection)
    context.autocommit_block = _no_autocommit  # type: ignore[method-assign]
    try:
        source.function(Operations(context))
    except (MigratorError, sa.exc.SQLAlchemyError):
        raise
    except Exception as error:
        raise explain(error, source.path) from error


def _no_autocommit() -> NoReturn:
    """Refuse alembic's way to end the transaction that the runner holds."""
    raise UnreadableError(
        "op.get_context().autocommit_block() would commit half of the migration",
        hint="give what runs outside a transaction a migration of its own, without 'python'",
    )


def rehearse(connection: Connection, migration: Migration, dialect: Dialect) -> tuple[str, ...]:
    """Return what *migration* would send: what only reads is sent, all else is held back.

    So nothing is executed of a migration that is refused half way, where the database
    could not take it back.
    """
    held: list[str] = []
    judge = Judge(migration, dialect)
    thread = threading.get_ident()

    def hold(*sent: object) -> bool:
        if threading.get_ident() != thread:
            return False
        _cursor, statement, parameters = (*sent[:-1], None)[:3]
        statement = str(statement)
        if sql.read(statement, dialect).kind is sql.Kind.HARMLESS:
            return False
        judge.refuse(statement)
        if parameters:
            raise UnreadableError(
                "sends values beside a statement, which cannot be done again after a crash",
                migration=migration.name,
                hint="write the values into the statement",
            )
        held.append(statement)
        return True

    engine = connection.engine
    for name in SENDING:
        event.listen(engine, name, hold)
    try:
        with transaction(connection):
            run(connection, migration, dialect)
    finally:
        for name in SENDING:
            event.remove(engine, name, hold)
    return tuple(held)
