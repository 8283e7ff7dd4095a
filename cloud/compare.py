"""Compare what the database holds with what was generated: proof that nothing was lost."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cloud.generate import is_moved
from cloud.rows import COLUMNS, MAKERS, Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

MOVED = {
    "flavors": ("flavorid", "foobars"),
    "instances": ("uuid", "root_gb", "locked", "deleted"),
    "instance_extra": ("instance_uuid", "flavor"),
    "services": ("host", "queue"),
    "fixed_ips": ("address", "prefix"),
}
"""Table → the columns that kilo's transitions fill, and what tells its rows apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One table: how many of its rows were generated and found, and whether they are the same."""

    table: str
    generated: int
    found: int
    checksum: str
    same: bool


def compare(connection: Connection, rows: int, *, moved: float = 0.0) -> tuple[Compared, ...]:
    """Compare the first rows of each table with what `fill(rows, moved=…)` makes once all moved.

    Rows that an application has added since are left out, and so are columns that nothing
    moves. Meant for databases that were filled once, from number 1.
    """
    return tuple(_compare(connection, table, rows, moved) for table in MOVED)


def _compare(connection: Connection, name: str, rows: int, moved: float) -> Compared:
    """Compare one table."""
    wanted = Checksum(expected(name, rows, moved))
    found = Checksum(stored(connection, name, rows))
    return Compared(
        table=name,
        generated=wanted.rows,
        found=found.rows,
        checksum=found.text,
        same=(wanted.rows, wanted.text) == (found.rows, found.text),
    )


class Checksum:
    """Number of rows, and SHA-256 over their values."""

    def __init__(self, rows: Iterable[Values]) -> None:
        digest = hashlib.sha256()
        self.rows = 0
        for row in rows:
            digest.update(repr(tuple(map(plain, row))).encode())
            self.rows += 1
        self.text = digest.hexdigest()


def plain(value: Any) -> Any:
    """Return *value* the same whatever database and driver it comes from."""
    if isinstance(value, bool | Decimal):
        return float(value)
    if isinstance(value, str) and value.startswith('{"cur"'):
        return json.dumps(json.loads(value), sort_keys=True)
    return float(value) if isinstance(value, int) else value


def expected(name: str, rows: int, moved: float) -> Iterator[Values]:
    """Yield what rows of table *name* hold once all is moved."""
    places = {column: place for place, column in enumerate(COLUMNS[name])}
    for number in range(1, rows + 1):
        for row in MAKERS[name](number, moved=True):
            values = {column: row[places[column]] for column in MOVED[name]}
            if "locked" in values and not is_moved(number, moved):
                values["locked"] = False
            yield tuple(values.values())


def stored(connection: Connection, name: str, rows: int) -> Iterator[Values]:
    """Yield what the database holds of the rows that were generated."""
    table = sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)
    query = sa.select(*(table.c[column] for column in MOVED[name]))
    if name == "instance_extra":
        instances = sa.table("instances", sa.column("id"), sa.column("uuid"))
        query = query.join_from(table, instances, instances.c.uuid == table.c.instance_uuid)
        query = query.where(instances.c.id <= rows).order_by(instances.c.id)
    else:
        query = query.where(table.c.id <= rows).order_by(table.c.id)
    return (tuple(row) for row in connection.execute(query))
