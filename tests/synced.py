"""Synced: what sync has made of a database, and what it told meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator import history
from migrator.apply import sync

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from migrator.apply import Event, Options
    from migrator.manifest import Manifest
    from migrator.plan import Applied


def applied(engine: Engine) -> list[int]:
    """Return the versions that are wholly applied."""
    return [each.version for each in rows(engine) if each.complete]


def rows(engine: Engine) -> tuple[Applied, ...]:
    with engine.connect() as connection:
        return history.read(connection)


def columns(engine: Engine, table: str = "flavors") -> set[str]:
    """Return the columns of a table; none when there is no such table."""
    inspector = sa.inspect(engine)
    if not inspector.has_table(table):
        return set()
    return {column["name"] for column in inspector.get_columns(table)}


def send(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def events_of(engine: Engine, manifest: Manifest, options: Options | None = None) -> list[Event]:
    found: list[Event] = []
    sync(engine, manifest, options, on_event=found.append)
    return found
