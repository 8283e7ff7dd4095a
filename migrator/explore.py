"""Explore: what one migration does, its SQL on each database and the schema around it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from migrator import history
from migrator.apply import Options, sync
from migrator.catalogue import snapshot
from migrator.config import show_url
from migrator.database import open_engine, read_only
from migrator.dialects import DIALECTS, dialect_of
from migrator.errors import PlanError, UnreadableError
from migrator.migration import load_all, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection, Engine

    from migrator.manifest import Manifest
    from migrator.migration import Migration

SHOWN = frozenset({"table", "column", "index", "constraint"})
OURS = "migrator_"
"""What migrator keeps in the database is not part of its schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What migration *number* does."""

    number: int
    name: str
    phase: str
    doc: str
    sql: Mapping[str, tuple[str, ...]]
    """Database → the statements it is sent, or why they are known only while it runs."""
    database: str
    """The database whose schema is shown."""
    before: tuple[str, ...]
    after: tuple[str, ...] | None
    """None where the database is not to be changed."""

    @property
    def diff(self) -> tuple[str, ...]:
        """The schema before and after as a unified diff, without its file names."""
        if self.after is None:
            return ()
        return tuple(unified_diff(self.before, self.after, "before", "after", lineterm=""))

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` shows."""
        return {**asdict(self), "diff": self.diff}


def explore(
    manifest: Manifest, number: int, *, url: str | None = None, table: str | None = None
) -> Explored:
    """Return what migration *number* does, with the schema of *table* or of all tables.

    Walks a scratch database there: an SQLite file of its own, or the empty database at
    *url*. A database at *url* that is at the version before is looked at and not changed.
    Raises PlanError for one that is anything else.
    """
    migrations = load_all(manifest)
    migration = migrations[number - 1]
    name = "a scratch database" if url is None else show_url(url)
    before, after = _around(url, manifest, number, table)
    return Explored(
        number=number,
        name=migration.name,
        phase=migration.phase.value,
        doc=migration.doc,
        sql={dialect.name: _sql(migration, dialect.name) for dialect in DIALECTS},
        database=name,
        before=before,
        after=after,
    )


def schema(connection: Connection, table: str | None = None) -> tuple[str, ...]:
    """Return the schema of all tables, or of *table*, as the lines of its CREATE statements."""
    metadata = sa.MetaData()
    metadata.reflect(connection, views=False)
    lines: list[str] = []
    for each in sorted(metadata.tables.values(), key=lambda each: each.name):
        if each.name.startswith(OURS) or table not in {None, each.name}:
            continue
        indexes = sorted(each.indexes, key=_name)
        statements: list[ExecutableDDLElement] = [CreateTable(each), *map(CreateIndex, indexes)]
        for statement in statements:
            text = str(statement.compile(dialect=connection.dialect)).replace("\t", "    ")
            lines += [line.rstrip() for line in f"{text.strip()};".splitlines() if line.strip()]
        lines.append("")
    return (*lines, *_others(connection, table))


def _others(connection: Connection, table: str | None) -> Iterator[str]:
    """Yield a line for each thing that no CREATE TABLE shows: triggers, views and types."""
    known = snapshot(connection, dialect_of(connection.dialect)).definitions
    for key in sorted(known, key=lambda key: key.describe()):
        named = {key.table, key.name}
        if key.thing in SHOWN or any(str(each).startswith(OURS) for each in named):
            continue
        if table in {None, *named}:
            yield f"-- {key.describe()}"


def _name(index: sa.Index) -> str:
    return str(index.name)


def _sql(migration: Migration, name: str) -> tuple[str, ...]:
    """Return what *migration* sends to the database called *name*."""
    dialect = next(each for each in DIALECTS if each.name == name)
    try:
        return render(migration, dialect)
    except UnreadableError as error:
        return (f"-- {error.message}",)


@contextmanager
def _scratch() -> Iterator[Engine]:
    with TemporaryDirectory(prefix="migrator-explore-") as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'scratch.db'}")
        yield engine
        engine.dispose()


def _around(
    url: str | None, manifest: Manifest, number: int, table: str | None
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the schema before and, in an empty database, after."""
    if url is None:
        with _scratch() as engine:
            return _walk(engine, manifest, number, table)
    with read_only(url) as connection:
        versions = {each.version for each in history.read(connection)}
        names = [each for each in sa.inspect(connection).get_table_names() if OURS not in each]
        if versions == set(range(1, number)) and (names or versions):
            return schema(connection, table), None
    if names or versions:
        at = f"at version {max(versions)}" if versions else "not empty"
        raise PlanError(
            f"the database is {at}, expected an empty one or one at version {number - 1}",
            hint="leave --in-database out to use a scratch database, or name an empty one",
        )
    engine = open_engine(url)
    try:
        return _walk(engine, manifest, number, table)
    finally:
        engine.dispose()


def _walk(
    engine: Engine, manifest: Manifest, number: int, table: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Walk an empty database to the version before, and to this one."""
    if number > 1:
        sync(engine, manifest, Options(target=str(number - 1)))
    with engine.connect() as connection:
        before = schema(connection, table)
    sync(engine, manifest, Options(target=str(number)))
    with engine.connect() as connection:
        return before, schema(connection, table)
