"""Measuring: what happens in a database while a step runs, seen from outside the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.measuring.mariadb import MariaDBEye
from ci.measuring.postgresql import PostgreSQLEye
from ci.measuring.sqlite import SQLiteEye
from ci.measuring.watch import EyeWatch
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.databases.base import Database

__all__ = ["EYES", "open_watch"]

EYES: Mapping[Engine, type[PostgreSQLEye | MariaDBEye | SQLiteEye]] = {
    Engine.POSTGRESQL: PostgreSQLEye,
    Engine.MARIADB: MariaDBEye,
    Engine.SQLITE: SQLiteEye,
}


def open_watch(database: Database) -> EyeWatch:
    """Return what watches *database*, which is entered; a context that ends its sessions."""
    return EyeWatch(EYES[database.engine](database))
