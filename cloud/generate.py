"""Fill the cloud with rows: python -m cloud.generate --database URL --rows 100000."""

from __future__ import annotations

import io
import re
import time
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from cloud.rows import COLUMNS, MAKERS, Values
from migrator.database import read_write
from migrator.errors import MigratorError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection

ROWS_PER_STATEMENT = 10_000

OF_AN_INSTANCE = frozenset({"instance_system_metadata", "instance_extra"})


def fill(
    connection: Connection,
    rows: int,
    *,
    tables: Collection[str] = tuple(MAKERS),
    moved: float | None = None,
    first: int | None = None,
) -> dict[str, int]:
    """Add *rows* rows to each of *tables*, and return how many there are more of each.

    Tables of an instance's parts get theirs instead: a few for each instance. The share
    *moved* of the rows is in the form that kilo writes, by default none while the old
    columns are there and all when they are gone. Rows are numbered from *first*, by
    default from where the last call ended; a number always makes the same row.
    """
    if OF_AN_INSTANCE & set(tables) and "instances" not in tables:
        raise click.UsageError("parts of instances need table instances as well")
    if missing := sorted(set(MAKERS) - set(sa.inspect(connection).get_table_names())):
        raise click.UsageError(f"run migrator sync first: there is no table {', '.join(missing)}")
    metadata = sa.MetaData()
    metadata.reflect(connection, only=list(MAKERS), resolve_fks=False)
    share = share_moved(metadata) if moved is None else moved
    offset = next_number(connection, metadata, tables) if first is None else first
    numbers = range(offset, offset + rows)
    return {
        name: write(connection, metadata.tables[name], made(name, numbers, share))
        for name in MAKERS
        if name in tables
    }


def share_moved(metadata: sa.MetaData) -> float:
    """Return the share of rows to write in the new form: all when an old column is gone."""
    old = {"flavors": "memory_mb", "instances": "root_mb", "services": "topic", "fixed_ips": "cidr"}
    return 0.0 if all(name in metadata.tables[table].c for table, name in old.items()) else 1.0


def next_number(connection: Connection, metadata: sa.MetaData, tables: Collection[str]) -> int:
    """Return a number beyond every row that *tables* hold."""
    largest = (sa.select(sa.func.max(metadata.tables[name].c.id)) for name in tables)
    return max((connection.scalar(query) or 0 for query in largest), default=0) + 1


def made(table: str, numbers: Iterable[int], share: float) -> Iterator[Values]:
    """Yield the rows of *table* for *numbers*, a *share* of them in the new form."""
    make = MAKERS[table]
    for number in numbers:
        yield from make(number, moved=is_moved(number, share))


def is_moved(number: int, share: float) -> bool:
    """Return whether the rows of *number* are in the new form when a *share* of all is."""
    return number * 7919 % 1000 < share * 1000


def write(connection: Connection, table: sa.Table, rows: Iterator[Values]) -> int:
    """Insert *rows*, less the values of columns that *table* has not got."""
    names = COLUMNS[table.name]
    kept = [place for place, name in enumerate(names) if name in table.c]
    insert = inserter(connection, table, [names[place] for place in kept])
    take = itemgetter(*kept)
    written = 0
    while some := list(islice(rows, ROWS_PER_STATEMENT)):
        insert([take(row) for row in some])
        written += len(some)
    return written


# Inserted in the fastest way that each driver has.


def inserter(
    connection: Connection, table: sa.Table, names: Sequence[str]
) -> Callable[[list[Values]], object]:
    """Return the function that inserts a list of rows with the columns *names*."""
    if connection.dialect.driver in COPIES:
        quote = connection.dialect.identifier_preparer
        columns = ", ".join(quote.quote(name) for name in names)
        statement = f"COPY {quote.format_table(table)} ({columns}) FROM STDIN"
        return partial(COPIES[connection.dialect.driver], connection, statement)
    return partial(insert_many, connection, sa.insert(table), names)


def insert_many(
    connection: Connection, statement: sa.Insert, names: Sequence[str], rows: Iterable[Values]
) -> None:
    """Insert *rows* with many rows a statement."""
    connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def copy_psycopg2(connection: Connection, statement: str, rows: Iterable[Values]) -> None:
    """Send *rows* with COPY through psycopg2."""
    cursor: Any = connection.connection.cursor()
    with cursor:
        cursor.copy_expert(statement, io.StringIO(copy_text(rows)))


def copy_psycopg(connection: Connection, statement: str, rows: Iterable[Values]) -> None:
    """Send *rows* with COPY through psycopg."""
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(statement) as copy:
        copy.write(copy_text(rows))


COPIES: dict[str, Callable[[Connection, str, Iterable[Values]], None]] = {
    "psycopg2": copy_psycopg2,
    "psycopg": copy_psycopg,
}

SPECIAL = re.compile(r"[\\\t\n\r]")
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(rows: Iterable[Values]) -> str:
    """Return *rows* in the text format of COPY."""
    return "".join("\t".join(map(copy_value, row)) + "\n" for row in rows)


def copy_value(value: Any) -> str:
    """Return one value in the text format of COPY."""
    if value is None:
        return "\\N"
    if not isinstance(value, str):
        return str(value)
    # Looking first is faster: there is seldom something to escape.
    return value.translate(ESCAPES) if SPECIAL.search(value) else value


@click.command()
@click.option(
    "--database",
    envvar="MIGRATOR_DATABASE_URL",
    required=True,
    help="URL of the database to fill; MIGRATOR_DATABASE_URL otherwise.",
)
@click.option("--rows", default=1000, show_default=True, type=click.IntRange(min=0))
@click.option("--table", "tables", multiple=True, type=click.Choice(list(MAKERS)))
@click.option(
    "--moved", type=click.FloatRange(0, 1), help="Share of the rows that is in kilo's form."
)
def main(database: str, rows: int, tables: tuple[str, ...], moved: float | None) -> None:
    """Fill the cloud with rows, the same each time; again, and there are more of them."""
    started = time.perf_counter()
    try:
        with read_write(database) as connection, connection.begin():
            written = fill(connection, rows, tables=tables or tuple(MAKERS), moved=moved)
    except MigratorError as error:
        raise click.ClickException(error.message) from error
    for table, count in written.items():
        click.echo(f"{table:26}{count:>12,}")
    click.echo(f"{sum(written.values()):,} rows in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
