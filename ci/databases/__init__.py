"""Databases: private servers that datasets are restored into, one engine a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.databases.mariadb import MariaDB
from ci.databases.places import Places
from ci.databases.postgresql import PostgreSQL
from ci.databases.sqlite import SQLite
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.databases.base import Database
    from ci.datasets.dataset import Dataset

__all__ = ["DATABASES", "Places", "open_database"]

DATABASES: Mapping[Engine, type[PostgreSQL | MariaDB | SQLite]] = {
    Engine.POSTGRESQL: PostgreSQL,
    Engine.MARIADB: MariaDB,
    Engine.SQLITE: SQLite,
}


def open_database(dataset: Dataset, places: Places) -> Database:
    """Return the database of the dataset's engine, not entered; what is kept of it is known.

    Raises ToolError where the engine is not installed.
    """
    return DATABASES[dataset.engine](places, dataset.digest)
