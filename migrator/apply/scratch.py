"""Scratch: what an ALTER does to its columns, tried on an empty copy that nobody else sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator import sql
from migrator.apply.connection import send, transaction
from migrator.dialects.base import SCRATCH
from migrator.errors import NotAdditiveError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection

    from migrator.apply.job import Job
    from migrator.dialects import Dialect
    from migrator.sql import Effect, Statement


def altered(statement: Statement) -> Iterator[Effect]:
    """Yield the columns that *statement* alters."""
    for effect in statement.effects:
        if (effect.verb, effect.thing) == ("alter", "column"):
            yield effect


def try_alterations(connection: Connection, dialect: Dialect, job: Job) -> None:
    """Raise NotAdditiveError unless the columns that *job* alters only take more than before.

    A migration that is one transaction is tried by running it. Raises UnreadableError where
    it cannot be tried.
    """
    for statement in job.statements or ():
        effect = next(altered(statement), None)
        if effect is not None and effect.table is not None:
            table = _quoted(connection, effect.schema, effect.table)
            before, after = _around(connection, dialect, job, statement, table)
            names = {str(each.name).casefold() for each in altered(statement)}
            for name, definition in before.items():
                now = after.get(name, "")
                if definition != now and not (
                    name.casefold() in names and dialect.widens(definition, now)
                ):
                    raise NotAdditiveError(
                        f"{statement.called} makes column {effect.table}.{name} something else "
                        f"than wider: {definition} becomes {now}",
                        migration=job.migration.name,
                        hint="say the column as it is, but for its length, its values or NULL; "
                        "anything else is a contract",
                    )


def _around(
    connection: Connection, dialect: Dialect, job: Job, statement: Statement, table: str
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the columns of an empty copy of *table* before and after *statement*."""
    if dialect.scratch is None:
        raise UnreadableError(
            f"{statement.called} stands beside what runs outside a transaction",
            migration=job.migration.name,
            hint="give it a migration of its own, so that it can be taken back",
        )
    make, ask, drop = dialect.scratch
    try:
        with transaction(connection):
            send(connection, make.replace("{table}", table))
            try:
                before = _columns(connection, ask)
                send(connection, sql.on_table(statement.text, SCRATCH, dialect))
                return before, _columns(connection, ask)
            finally:
                send(connection, drop)
    except sa.exc.DBAPIError:
        raise UnreadableError(
            f"{statement.called} cannot be tried on an empty copy of {table}",
            migration=job.migration.name,
            hint="change the column in a contract",
        ) from None


def _columns(connection: Connection, ask: str) -> dict[str, str]:
    """Return column → its definition, as `Dialect.widens` takes it."""
    return {
        row.Field: f"{row.Type} {row.Collation} not null {'f' if row.Null == 'YES' else 't'} "
        f"{row.Default!r} {row.Extra} {row.Comment!r}"
        for row in connection.exec_driver_sql(ask)
    }


def _quoted(connection: Connection, schema: str | None, table: str) -> str:
    preparer = connection.dialect.identifier_preparer
    return ".".join(preparer.quote_identifier(each) for each in (schema, table) if each)
