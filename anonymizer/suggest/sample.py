"""Samples: some values of each column of a database, to look at and not to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from anonymizer.column import TableName
    from anonymizer.schema import Schema
    from anonymizer.suggest import Samples

ROWS = 200
"""Rows that are read of each table."""
CHARACTERS = 400
"""Of a value no more is looked at."""


def read_samples(connection: Connection, schema: Schema, *, rows: int = ROWS) -> Samples:
    """Return values of the first *rows* of each table of *schema*; NULL is left out."""
    return {
        name: _columns(connection, name, list(columns), rows)
        for name, columns in schema.tables.items()
        if columns
    }


def _columns(
    connection: Connection, name: TableName, columns: list[str], rows: int
) -> dict[str, list[str]]:
    # Columns without a type: the driver gives what it has, and nothing can fail to convert.
    table = sa.table(name.name, *(sa.column(each) for each in columns), schema=name.schema)
    found: dict[str, list[str]] = {each: [] for each in columns}
    for row in connection.execute(sa.select(*table.columns).limit(rows)):
        for column, value in zip(columns, row, strict=True):
            found[column] += _texts(value)
    return found


def _texts(value: object) -> Iterator[str]:
    if value is not None and not isinstance(value, bytes | memoryview):
        yield str(value)[:CHARACTERS]
