"""Explore: what one migration does, its SQL on each database and the schema around it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches, unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from migrator import history
from migrator.apply import Options, sync
from migrator.catalogue import snapshot
from migrator.config import show_url
from migrator.database import open_engine, read_only
from migrator.dialects import DIALECTS, dialect_of
from migrator.errors import ApplyError, MigrationError, PlanError
from migrator.migration import load_all, render

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy.engine import Connection, Engine

    from migrator.dialects import Dialect
    from migrator.manifest import Manifest
    from migrator.migration import Migration

SHOWN = frozenset({"table", "column", "index", "constraint"})
OURS = "migrator_"
"""What migrator keeps in the database is not part of its schema."""

Schema: TypeAlias = "Mapping[str, tuple[str, ...]]"
"""Table, or what stands for itself → the lines that show it."""


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
    before: tuple[str, ...] = ()
    after: tuple[str, ...] | None = None
    """None where the database is not to be changed."""
    problem: str | None = None
    """Why the scratch database could not be brought there: no schema is shown then."""

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
    Raises PlanError for one that is anything else, and for a table that is in neither schema.
    """
    migration = load_all(manifest)[number - 1]
    explored = Explored(
        number=number,
        name=migration.name,
        phase=migration.phase.value,
        doc=migration.doc,
        sql={dialect.name: _sql(migration, dialect) for dialect in DIALECTS},
        database="a scratch database" if url is None else show_url(url),
    )
    try:
        before, after = _around(url, manifest, number)
    except (ApplyError, MigrationError) as error:
        if url is not None:
            raise
        return replace(explored, problem=error.message)
    if table is not None:
        _refuse_unknown(table, {*before, *(after or {})})
    return replace(
        explored,
        before=_lines(before, table),
        after=None if after is None else _lines(after, table),
    )


def schema(connection: Connection) -> Schema:
    """Return table → the lines of its CREATE statements, and of what these do not show."""
    metadata = sa.MetaData()
    metadata.reflect(connection, views=False)
    found: dict[str, list[str]] = {}
    for each in sorted(metadata.tables.values(), key=lambda each: each.name):
        indexes = sorted(each.indexes, key=_name)
        statements: list[ExecutableDDLElement] = [CreateTable(each), *map(CreateIndex, indexes)]
        found[each.name] = lines = []
        for statement in statements:
            text = str(statement.compile(dialect=connection.dialect)).replace("\t", "    ")
            lines += [line.rstrip() for line in f"{text.strip()};".splitlines() if line.strip()]
        lines.append("")
    for name, line in _others(connection):
        found.setdefault(name, []).append(line)
    return {name: tuple(lines) for name, lines in found.items() if not name.startswith(OURS)}


def _others(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield a line for each thing that no CREATE TABLE shows: triggers, views and types."""
    known = snapshot(connection, dialect_of(connection.dialect)).definitions
    for key in sorted(known, key=lambda key: key.describe()):
        if key.thing not in SHOWN and not key.name.startswith(OURS):
            yield key.table or key.name, f"-- {key.describe()}"


def _lines(found: Schema, table: str | None) -> tuple[str, ...]:
    """Return the lines of all tables, or of *table*."""
    return tuple(line for name, lines in found.items() if table in {None, name} for line in lines)


def _refuse_unknown(table: str, known: Collection[str]) -> None:
    if table in known:
        return
    near = get_close_matches(table, known, n=1)
    raise PlanError(
        f"there is no table {table!r}, neither before nor after",
        hint=f"did you mean {near[0]}?" if near else f"there is: {', '.join(sorted(known))}",
    )


def _name(index: sa.Index) -> str:
    return str(index.name)


def _sql(migration: Migration, dialect: Dialect) -> tuple[str, ...]:
    """Return what *migration* sends to the database that *dialect* is, or why that is not known."""
    try:
        return render(migration, dialect)
    except MigrationError as error:
        return (f"-- {error.message}",)


@contextmanager
def _scratch() -> Iterator[Engine]:
    with TemporaryDirectory(prefix="migrator-explore-") as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'scratch.db'}")
        yield engine
        engine.dispose()


def _around(url: str | None, manifest: Manifest, number: int) -> tuple[Schema, Schema | None]:
    """Return the schema before and, in an empty database, after."""
    if url is None:
        with _scratch() as engine:
            return _walk(engine, manifest, number)
    with read_only(url) as connection:
        versions = {each.version for each in history.read(connection)}
        tables = sa.inspect(connection).get_table_names()
        names = [each for each in tables if not each.startswith(OURS)]
        if versions == set(range(1, number)) and (names or versions):
            return schema(connection), None
    if names or versions:
        at = f"at version {max(versions)}" if versions else "not empty"
        raise PlanError(
            f"the database is {at}, expected an empty one or one at version {number - 1}",
            hint="leave --in-database out to use a scratch database, or name an empty one",
        )
    engine = open_engine(url)
    try:
        return _walk(engine, manifest, number)
    finally:
        engine.dispose()


def _walk(engine: Engine, manifest: Manifest, number: int) -> tuple[Schema, Schema]:
    """Walk an empty database to the version before, and to this one."""
    if number > 1:
        sync(engine, manifest, Options(target=str(number - 1)))
    with engine.connect() as connection:
        before = schema(connection)
    sync(engine, manifest, Options(target=str(number)))
    with engine.connect() as connection:
        return before, schema(connection)
